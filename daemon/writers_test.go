package daemon_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon/journal"
	"levee/testdata/guests"
)

// What was written before a run was put aside is not written over when it goes on, whoever has it in hand then.
func TestWriterIsKnownWhenItsRunGoesOn(t *testing.T) {
	for name, first := range map[string]string{
		"found": "{ uses: file/write, with: { path: out/x.txt, data: sent } }",
		"past":  "{ uses: ./effect.wasm }",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			b.drop("effect.wasm", string(guests.Effect("out/x.txt", "sent", "go", false)))
			b.drop("go", "")
			b.drop("w.flow.yaml", `levee: 1
allow: { read: [.], write: [out] }
nodes:
  first: `+first+`
  ask: { uses: flow/ask, with: { question: And now? } }
  late: { uses: file/write, with: { path: out/x.txt }, in: { data: ask.answer } }
`)
			for answer, want := range map[string]journal.Status{"other": journal.Failed, "sent": journal.Completed} {
				d := b.open()
				waits := d.run("w.flow.yaml")
				require.Equal(t, journal.Suspended, waits.Status)
				d.shut()
				d = b.open()
				got := d.answer(waits.ID, "ask="+answer)
				require.Equal(t, want, got.Status, answer)
				if want == journal.Failed {
					require.ErrorContains(t, got.Err, `late: cannot write "out/x.txt": first of this run has written something else into it`)
				}
				require.Equal(t, "sent", b.read("out/x.txt"))
				d.shut()
			}
		})
	}
}

// A guest that makes nothing of the refusal, or something else, fails for it all the same.
func TestRefusedWriterFails(t *testing.T) {
	b := newBox(t)
	b.drop("effect.wasm", string(guests.Effect("out/x.txt", "one", "go", false)))
	b.drop("other.wasm", string(guests.Effect("out/x.txt", "two", "go", false)))
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("go", "")
	b.drop("w.flow.yaml", `levee: 1
allow: { read: [.], write: [out] }
nodes:
  one: { uses: ./effect.wasm }
  wait: { uses: ./gate.wasm, with: { path: out/x.txt } }
  two: { uses: ./other.wasm, after: [wait] }
`)
	d := b.open()
	got := d.run("w.flow.yaml")
	require.EqualError(t, got.Err, `two: cannot write "out/x.txt": one of this run has written something else into it, and no wire says which of the two comes last: order them by after: [one] at two, or give one of them another file`)
	require.Equal(t, "one", b.read("out/x.txt"))
	require.Equal(t, "E_CLASH", b.runs()[0].Code)
}
