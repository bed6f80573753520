package config

import (
	"path"
	"strings"

	"tripcurve/internal/formats/configmap"
)

// wrapping before a target's name puts its file into a Kubernetes ConfigMap:
// "configmap/opossum".
const wrapping = "configmap/"

// ConfigMap is a ConfigMap around files, one key for each; its name is proposed from
// that of what they configure. What was said about the files still holds.
func ConfigMap(name string, files []File, o Origin) (File, error) {
	c := configmap.Config{Name: resource(name)}
	var w warnings
	for _, f := range files {
		c.Files = append(c.Files, configmap.File{Name: path.Base(f.Name), Text: f.Text})
		w = append(w, f.Warnings...)
	}
	w.add("a ConfigMap is mounted as files: a process that reads its file at the start only has to be restarted after a change")
	var head []string
	if line := o.Line(); line != "" {
		head = append(head, line)
	}
	text, err := configmap.Write(c, head)
	if err != nil {
		return File{}, err
	}
	return File{"configmap." + c.Name + ".yaml", text, w}, nil
}

// resource is a name as Kubernetes takes it.
func resource(name string) string {
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-", r) {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return strings.TrimRight("breakers-"+strings.Trim(plain, "-"), "-")
}
