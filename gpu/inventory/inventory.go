// Package inventory says which GPUs this machine has, as NVML reports them. NVML is asked in a process of its own: a call of a function
// that the installed library lacks ends the process, and a sick GPU hangs it. The daemon itself never loads the library.
package inventory

import (
	"fmt"
	"strings"
	"time"
)

// Outcome is how asking for the GPUs ended.
type Outcome string

// The outcomes.
const (
	None      Outcome = "none"      // there is no GPU that can be used, and nothing is wrong
	Present   Outcome = "present"   // at least one can be used
	Unhealthy Outcome = "unhealthy" // something is wrong with the driver or with all GPUs
	Timeout   Outcome = "timeout"   // NVML did not answer
)

// Report is what was found.
type Report struct {
	Outcome Outcome  `json:"outcome"`
	Reason  string   `json:"reason,omitempty"` // of every outcome but Present
	Driver  string   `json:"driver,omitempty"` // its version
	CUDA    string   `json:"cuda,omitempty"`   // the version that the driver supports
	BLAS    string   `json:"cublas,omitempty"` // the version of cuBLASLt, where there is one
	FFT     string   `json:"cufft,omitempty"`  // of cuFFT
	Devices []Device `json:"devices"`

	At time.Time `json:"-"` // when it was found
}

// Device is a GPU, or an instance of one that is divided (MIG). What NVML did not say is zero; a device always has a name.
type Device struct {
	Index      int    `json:"index"` // NVML's, of the GPU
	Instance   *int   `json:"instance,omitempty"`
	UUID       string `json:"uuid,omitempty"`
	Name       string `json:"name"`
	Memory     int64  `json:"memory,omitempty"` // bytes
	Free       int64  `json:"free,omitempty"`   // bytes nobody uses, when it was asked
	Capability string `json:"capability,omitempty"`
	Cores      int    `json:"cores,omitempty"`
	Mode       string `json:"mode,omitempty"`     // compute mode, unless it is the default one
	Note       string `json:"note,omitempty"`     // a worry that does not keep it from working
	Unusable   string `json:"unusable,omitempty"` // why it gets no work
	Sick       bool   `json:"sick,omitempty"`     // and that is a fault, not somebody's wish
}

// Identity is what tells a device from all others.
func (d Device) Identity() string {
	if d.UUID != "" {
		return d.UUID
	}
	return d.Label()
}

// Label names a device for people.
func (d Device) Label() string {
	if d.Instance != nil {
		return fmt.Sprintf("GPU %d.%d (%s)", d.Index, *d.Instance, d.Name)
	}
	return fmt.Sprintf("GPU %d (%s)", d.Index, d.Name)
}

// Fingerprint is what results of the class "device" depend on: two devices with equal ones are taken to round alike.
func (r Report) Fingerprint(d Device) string {
	text := fmt.Sprintf("%s, compute capability %s, %d cores, driver %s", d.Name, d.Capability, d.Cores, r.Driver)
	if r.BLAS != "" {
		text += ", cuBLAS " + r.BLAS
	}
	if r.FFT != "" {
		text += ", cuFFT " + r.FFT
	}
	return text
}

// Usable are the devices that can get work.
func (r Report) Usable() (list []Device) {
	for _, d := range r.Devices {
		if d.Unusable == "" {
			list = append(list, d)
		}
	}
	return list
}

// judge sets the outcome of a report whose devices are known.
func (r *Report) judge() {
	if len(r.Usable()) > 0 {
		r.Outcome, r.Reason = Present, ""
		return
	}
	if len(r.Devices) == 0 {
		r.Outcome, r.Reason = None, "the NVIDIA driver runs, and NVML reports no GPU"
		return
	}
	r.Outcome = None
	var why []string
	for _, d := range r.Devices {
		why = append(why, d.Label()+": "+d.Unusable)
		if d.Sick {
			r.Outcome = Unhealthy
		}
	}
	r.Reason = strings.Join(why, "; ")
}
