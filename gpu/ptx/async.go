package ptx

// pendingCopies are the copies that a warp's lanes have asked for and that have not been waited for.
type pendingCopies struct{}

func (d *decoder) copyAsync() { d.fail("not known") }
