package sources

import _ "embed"

// Template is a settings file that says in comments what can be set, with every
// source commented out.
//
//go:embed template.yaml
var Template []byte
