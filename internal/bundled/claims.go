package bundled

import _ "embed"

// Claims are what the postmortem of the bundled incident says, in our words, as
// `tripcurve check` reads them.
//
//go:embed claims.yaml
var Claims []byte

// ClaimsName is the name of Claims in messages.
const ClaimsName = "claims of " + Name

// Postmortem is what people wrote of the bundled incident, in our words, as
// `tripcurve export postmortem` reads it.
//
//go:embed postmortem.yaml
var Postmortem []byte

// PostmortemName is the name of Postmortem in messages.
const PostmortemName = Name + ".postmortem.yaml"
