//go:build !linux

package inventory

import "context"

func (p *Prober) probe(context.Context) Report {
	return Report{Outcome: None, Reason: "GPU work is for Linux only"}
}

// ProbeMain returns false: there are no probes.
func ProbeMain() bool { return false }
