package config

import (
	"tripcurve/internal/export/monitor"
	"tripcurve/internal/policy"
)

// datadogMonitors writes monitors on the breaker's metrics as the API takes them.
func datadogMonitors(e edge, p policy.Policy, o Origin) (File, error) {
	monitors, said, err := monitor.Of(p, monitorSource(e, o))
	if err != nil {
		return File{}, err
	}
	w := append(warnings{}, said...)
	if len(monitors) > 0 {
		w.add("the API takes one monitor at a time: POST each item of the list to /api/v1/monitor, or to /api/v1/monitor/validate first")
	}
	return File{"monitors." + e.callee + ".json", monitor.JSON(monitors), w}, nil
}

// datadogTerraform writes them as resources of Terraform.
func datadogTerraform(e edge, p policy.Policy, o Origin) (File, error) {
	s := monitorSource(e, o)
	monitors, said, err := monitor.Of(p, s)
	if err != nil {
		return File{}, err
	}
	head := said
	if s.Origin != "" {
		head = append([]string{s.Origin}, said...)
	}
	return File{"monitors." + e.callee + ".tf", monitor.Terraform(monitors, s, head), said}, nil
}

func monitorSource(e edge, o Origin) monitor.Source {
	return monitor.Source{Edge: e.String(), Incident: o.Incident, Origin: o.Line()}
}
