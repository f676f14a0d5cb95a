package inventory

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/dl"
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"levee/gpu/cuda"
)

// maxDevices bounds what a library can make us list.
const maxDevices = 128

// leastMajor is the compute capability from which on GPUs take what levee's kernels are compiled to.
const leastMajor = '7'

// reader asks NVML. go-nvml calls functions without knowing whether the library has them, and the dynamic linker ends the process
// when it has not: so each is looked up first. nvml.Return's own texts are calls too, and are not used.
type reader struct {
	lib  *dl.DynamicLibrary
	nvml nvml.Interface
}

// has reports whether the library has one of several names of a function.
func (r *reader) has(names ...string) bool {
	for _, name := range names {
		if r.lib.Lookup(name) == nil {
			return true
		}
	}
	return false
}

// read asks NVML for everything. It runs in the child only.
func read() Report {
	r := &reader{lib: dl.New(library, dl.RTLD_LAZY|dl.RTLD_GLOBAL), nvml: nvml.New()}
	if err := r.lib.Open(); err != nil {
		why := printable(err.Error(), 300)
		if strings.Contains(why, "No such file") && strings.HasPrefix(why, library) {
			return Report{Outcome: None, Reason: "there are signs of an NVIDIA GPU, but the driver's library " + library + " was not found"}
		}
		return Report{Outcome: Unhealthy, Reason: "the driver's library cannot be loaded: " + why}
	}
	for _, need := range [][]string{
		{"nvmlInit_v2", "nvmlInit"}, {"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"},
		{"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"}, {"nvmlDeviceGetName"},
	} {
		if !r.has(need...) {
			return Report{Outcome: Unhealthy, Reason: fmt.Sprintf("%s lacks %s: it is not NVML, or a damaged one", library, need[0])}
		}
	}
	if ret := r.nvml.Init(); ret != nvml.SUCCESS {
		outcome := Unhealthy
		if ret == nvml.ERROR_DRIVER_NOT_LOADED {
			outcome = None
		}
		return Report{Outcome: outcome, Reason: "NVML says: " + words(ret)}
	}
	rep := r.report()
	if rep.Outcome == Present { // these are the libraries of the vendor that make results
		rep.BLAS, rep.FFT = cuda.BlasVersion(), cuda.FFTVersion()
	}
	return rep
}

func (r *reader) report() Report {
	var rep Report
	if r.has("nvmlSystemGetDriverVersion") {
		if v, ret := r.nvml.SystemGetDriverVersion(); ret == nvml.SUCCESS {
			rep.Driver = printable(v, 80)
		}
	}
	rep.CUDA = r.cuda()
	n, ret := r.nvml.DeviceGetCount()
	if ret != nvml.SUCCESS {
		rep.Outcome, rep.Reason = Unhealthy, "NVML cannot count the GPUs: "+words(ret)
		return rep
	}
	for i := range min(max(n, 0), maxDevices) {
		rep.Devices = append(rep.Devices, r.gpu(i)...)
	}
	if rep.judge(); rep.Outcome != Present {
		return rep
	}
	if !cuda.Built() {
		rep.Outcome, rep.Reason = None, "this program was built without GPU support"
		return rep
	}
	// Containers get NVML alone when nobody asked for more. The library is opened only to see that it is there.
	if err := dl.New(cudaLibrary, dl.RTLD_LAZY).Open(); err != nil {
		rep.Outcome, rep.Reason = None, "the driver gives no computing here: "+printable(err.Error(), 300)
	}
	return rep
}

func (r *reader) cuda() string {
	get := r.nvml.SystemGetCudaDriverVersion_v2
	switch {
	case r.has("nvmlSystemGetCudaDriverVersion_v2"):
	case r.has("nvmlSystemGetCudaDriverVersion"):
		get = r.nvml.SystemGetCudaDriverVersion
	default:
		return ""
	}
	v, ret := get()
	if ret != nvml.SUCCESS || v <= 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", v/1000, v%1000/10)
}

// gpu describes a GPU, or the instances that it is divided into.
func (r *reader) gpu(index int) []Device {
	d := Device{Index: index, Name: "unknown"}
	h, ret := r.nvml.DeviceGetHandleByIndex(index)
	if ret != nvml.SUCCESS {
		d.Unusable, d.Sick = words(ret), true
		return []Device{d}
	}
	r.describe(h, &d)
	r.health(h, &d)
	if d.Unusable != "" {
		return []Device{d}
	}
	if parts, divided := r.instances(h, d); divided {
		return parts
	}
	return []Device{d}
}

// describe fills in what a GPU and an instance of one have alike.
func (r *reader) describe(h nvml.Device, d *Device) {
	name, ret := h.GetName()
	if ret != nvml.SUCCESS {
		d.Unusable, d.Sick = "its name: "+words(ret), true
		return
	}
	d.Name = cmp.Or(printable(name, 96), d.Name)
	if r.has("nvmlDeviceGetUUID") {
		if uuid, ret := h.GetUUID(); ret == nvml.SUCCESS {
			d.UUID = printable(uuid, 96)
		}
	}
	if r.has("nvmlDeviceGetCudaComputeCapability") {
		if major, minor, ret := h.GetCudaComputeCapability(); ret == nvml.SUCCESS {
			d.Capability = fmt.Sprintf("%d.%d", major, minor)
		}
	}
	if r.has("nvmlDeviceGetNumGpuCores") {
		if n, ret := h.GetNumGpuCores(); ret == nvml.SUCCESS {
			d.Cores = n
		}
	}
	r.memory(h, d)
}

func (r *reader) memory(h nvml.Device, d *Device) {
	if r.has("nvmlDeviceGetMemoryInfo_v2") {
		if m, ret := h.GetMemoryInfo_v2(); ret == nvml.SUCCESS {
			d.Memory, d.Free = size(m.Total), size(m.Free)
			return
		}
	}
	if r.has("nvmlDeviceGetMemoryInfo") {
		if m, ret := h.GetMemoryInfo(); ret == nvml.SUCCESS {
			d.Memory, d.Free = size(m.Total), size(m.Free)
		}
	}
}

func size(n uint64) int64 { return int64(min(n, 1<<60)) }

// health finds out whether a GPU may and can be used.
func (r *reader) health(h nvml.Device, d *Device) {
	if d.Unusable != "" {
		return
	}
	if major, _, _ := strings.Cut(d.Capability, "."); len(major) == 1 && major[0] < leastMajor {
		d.Unusable = fmt.Sprintf("its compute capability is %s, and 7.0 is needed", d.Capability)
		return
	}
	if r.has("nvmlDeviceGetComputeMode") {
		switch mode, ret := h.GetComputeMode(); {
		case ret == nvml.ERROR_GPU_IS_LOST:
			d.Unusable, d.Sick = words(ret), true
			return
		case ret == nvml.SUCCESS && mode == nvml.COMPUTEMODE_PROHIBITED:
			d.Mode, d.Unusable = "prohibited", "its compute mode is prohibited (nvidia-smi -c 0 allows work)"
			return
		case ret == nvml.SUCCESS && mode != nvml.COMPUTEMODE_DEFAULT:
			d.Mode, d.Note = "exclusive", "its compute mode lets one process use it at a time"
		}
	}
	if r.has("nvmlDeviceGetRemappedRows") {
		if _, _, pending, failed, ret := h.GetRemappedRows(); ret == nvml.SUCCESS {
			switch {
			case failed:
				d.Unusable, d.Sick = "its memory is failing: rows could not be remapped", true
			case pending:
				d.Note = "memory rows wait to be remapped, at the next reset of the GPU"
			}
		}
	}
	if d.Note == "" && r.has("nvmlDeviceGetTotalEccErrors") {
		if n, ret := h.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC); ret == nvml.SUCCESS && n > 0 {
			d.Note = fmt.Sprintf("%d uncorrected memory errors since the driver was started", n)
		}
	}
}

// instances are the devices of a GPU that somebody divided. Levee uses what is there and never divides one.
func (r *reader) instances(h nvml.Device, whole Device) (parts []Device, divided bool) {
	if !r.has("nvmlDeviceGetMigMode") {
		return nil, false
	}
	if mode, _, ret := h.GetMigMode(); ret != nvml.SUCCESS || mode != nvml.DEVICE_MIG_ENABLE {
		return nil, false
	}
	if r.has("nvmlDeviceGetMaxMigDeviceCount") && r.has("nvmlDeviceGetMigDeviceHandleByIndex") {
		n, ret := h.GetMaxMigDeviceCount()
		if ret != nvml.SUCCESS {
			n = 0
		}
		for i := range min(max(n, 0), maxDevices) {
			part, ret := h.GetMigDeviceHandleByIndex(i)
			if ret != nvml.SUCCESS {
				continue // this place is empty
			}
			d := Device{Index: whole.Index, Instance: &i, Name: whole.Name, Mode: whole.Mode, Note: whole.Note}
			r.describe(part, &d)
			if d.Capability == "" {
				d.Capability = whole.Capability
			}
			parts = append(parts, d)
		}
	}
	if len(parts) == 0 {
		whole.Unusable = "it is in MIG mode and has no instance (nvidia-smi mig -cgi makes one)"
		parts = []Device{whole}
	}
	return parts, true
}

// words says what NVML answered.
func words(ret nvml.Return) string {
	said := map[nvml.Return]string{
		nvml.ERROR_NO_PERMISSION:           "this user may not use the GPU",
		nvml.ERROR_DRIVER_NOT_LOADED:       "the NVIDIA driver is not loaded",
		nvml.ERROR_INSUFFICIENT_POWER:      "the power cable of a GPU is not connected",
		nvml.ERROR_IRQ_ISSUE:               "the kernel has trouble with the interrupts of a GPU",
		nvml.ERROR_LIBRARY_NOT_FOUND:       "the driver's library was not found",
		nvml.ERROR_GPU_IS_LOST:             "the GPU is lost: it fell off the bus, or needs a reset",
		nvml.ERROR_RESET_REQUIRED:          "the GPU needs a reset",
		nvml.ERROR_OPERATING_SYSTEM:        "the system does not let the driver's library work (device files, cgroup)",
		nvml.ERROR_LIB_RM_VERSION_MISMATCH: "the driver in the kernel and its library are of different versions: start the machine again",
		nvml.ERROR_MEMORY:                  "there is not enough memory",
	}[ret]
	if said == "" {
		said = "an error"
	}
	return fmt.Sprintf("%s (NVML error %d)", said, int(ret))
}
