package ptx

import "encoding/binary"

var matrixOps = map[string]func(d *decoder){
	"ldmatrix": (*decoder).loadMatrix,
	"mma":      (*decoder).multiplyMatrices,
	"wgmma":    (*decoder).wgmma,
}

// rows gives the rows of a vector of n operands.
func (d *decoder) rows(o operand, n int, t typ) []row {
	list := make([]row, n)
	for i, v := range d.values(o, n) {
		list[i] = d.source(v, t, typ.takes)
	}
	return list
}

// loadMatrix loads one, two or four matrices of 8 by 8 elements of 16 bits. Lane i says where row i%8 of matrix i/8 is; a lane gets two
// neighbours of row lane/4, or of that column.
func (d *decoder) loadMatrix() {
	ok := d.take("sync") && d.take("aligned") && d.take("m8n8")
	n := map[string]int{"x1": 1, "x2": 2, "x4": 4}[d.oneOf("x1", "x2", "x4")]
	trans := d.take("trans")
	sp := d.space()
	if t := d.typ(); !ok || n == 0 || t != types["b16"] || sp != sharedSpace && sp != generic || !d.count(2) {
		d.fail("not of this type")
		return
	}
	dst := d.rows(d.arg(0), n, types["b32"])
	l := d.memory(d.arg(1), sp)
	d.grain(sp, 16)
	d.out.flow = flowTogether
	d.out.run = func(w *warp, _ uint32) {
		var rows [32][8]uint16
		for lane := range 8 * n {
			p := w.at(l.space, reads, w.addr(l, lane), 16, lane)
			if p == nil {
				return
			}
			for i := range rows[lane] {
				rows[lane][i] = binary.LittleEndian.Uint16(p[2*i:])
			}
		}
		for lane := range 32 {
			for j, r := range dst {
				a, b := rows[8*j+lane/4][2*(lane%4)], rows[8*j+lane/4][2*(lane%4)+1]
				if trans {
					a, b = rows[8*j+2*(lane%4)][lane/4], rows[8*j+2*(lane%4)+1][lane/4]
				}
				w.regs[r][lane] = uint64(b)<<16 | uint64(a)
			}
		}
	}
}

// multiplyMatrices is D = A B + C, for A of 16 by 16 or 8 and B of that by 8, of f16 or bf16, and sums of f32. What hardware rounds
// within a sum is its own affair: here a sum is rounded once.
func (d *decoder) multiplyMatrices() {
	ok := d.take("sync") && d.take("aligned") && d.take("row") && d.take("col")
	k := map[string]int{"m16n8k16": 16, "m16n8k8": 8}[d.oneOf("m16n8k16", "m16n8k8")]
	to, a, b, c := d.typ(), d.typ(), d.typ(), d.typ()
	if !ok || k == 0 || to != types["f32"] || c != to || a != b || a.size != 2 || !d.count(4) {
		d.fail("not of this type")
		return
	}
	b32 := types["b32"]
	dst, ra, rb, rc := d.rows(d.arg(0), 4, to), d.rows(d.arg(1), k/4, b32), d.rows(d.arg(2), k/8, b32), d.rows(d.arg(3), 4, c)
	d.out.flow = flowTogether
	d.out.run = func(w *warp, _ uint32) {
		var x [16][16]float64 // rows of A
		var y [8][16]float64  // columns of B
		for lane := range 32 {
			g, t := lane/4, 2*(lane%4)
			for i, r := range ra {
				v := w.regs[r][lane]
				row, col := g+8*(i%2), t+8*(i/2)
				x[row][col], x[row][col+1] = a.widen(v&0xffff), a.widen(v>>16)
			}
			for i, r := range rb {
				v := w.regs[r][lane]
				y[g][t+8*i], y[g][t+8*i+1] = b.widen(v&0xffff), b.widen(v>>16)
			}
		}
		for lane := range 32 {
			g, t := lane/4, 2*(lane%4)
			var out [4]uint64
			for i := range out {
				sum := float64(f32(w.regs[rc[i]][lane]))
				p, q := &x[g+8*(i/2)], &y[t+i%2]
				for j := range k {
					sum += float64(p[j] * q[j])
				}
				out[i] = bits32(float32(sum))
			}
			for i, r := range dst {
				w.regs[r][lane] = out[i]
			}
		}
	}
}
