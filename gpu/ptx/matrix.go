package ptx

var matrixOps = map[string]func(d *decoder){}
