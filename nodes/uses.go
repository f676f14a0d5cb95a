package nodes

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// reference is a parsed uses: text.
type reference struct {
	path    string // of a file beside the workflow, relative and clean
	pack    string // else the manifest's name
	node    string // the node type's name; "" when the text leaves it to the module
	version string // "", "1", "1.2" or a full version
	hash    *[32]byte
}

const maxUses = 512

// parseUses reads the forms pack/type, pack/type@1.2, pack/type@sha256:HEX, ./x.wasm, ./x.wasm#type, @sha256:HEX and
// @sha256:HEX#type.
func parseUses(uses string) (ref reference, err error) {
	bad := func(detail, hint string) (reference, error) {
		return reference{}, &ResolveError{Uses: uses, Detail: detail, Hint: hint}
	}
	switch {
	case len(uses) > maxUses || !printable(uses, false):
		return bad("too long, or holds control characters", "")
	case strings.HasPrefix(uses, "@"):
		text, node, _ := strings.Cut(uses[1:], "#")
		if ref.hash, err = parseHash(text); err != nil {
			return bad(err.Error(), "")
		}
		ref.node = node
	case strings.HasPrefix(uses, "../"), strings.HasPrefix(uses, "/"):
		return bad("a module file must lie in the workflow's folder or below", "write ./name.wasm, or register the module's folder")
	case strings.HasPrefix(uses, "./"):
		file, node, _ := strings.Cut(uses, "#")
		ref.path, ref.node = path.Clean(file), node
		if !fs.ValidPath(ref.path) {
			return bad("a module file must lie in the workflow's folder or below", "")
		}
		if !strings.HasSuffix(ref.path, ".wasm") {
			return bad("a module file's name ends in .wasm", "")
		}
	default:
		return parseNamed(uses)
	}
	if ref.node != "" && !nameForm.MatchString(ref.node) || strings.HasSuffix(uses, "#") {
		return bad("the node type behind # "+nameRule, "")
	}
	return ref, nil
}

func parseNamed(uses string) (ref reference, err error) {
	full, at, hasAt := strings.Cut(uses, "@")
	if strings.HasSuffix(full, ".wasm") || strings.Contains(full, ".wasm#") {
		return ref, &ResolveError{Uses: uses, Detail: "no such name", Hint: "a file beside the workflow is written ./" + full}
	}
	var ok bool
	if ref.pack, ref.node, ok = strings.Cut(full, "/"); !ok {
		ref.node = ""
	}
	if !nameForm.MatchString(ref.pack) || (ok && !nameForm.MatchString(ref.node)) {
		return ref, &ResolveError{Uses: uses, Detail: "not of the form pack/type, ./file.wasm or @sha256:HEX"}
	}
	switch {
	case !hasAt:
	case strings.HasPrefix(at, "sha256:"):
		if ref.hash, err = parseHash(at); err != nil {
			return ref, &ResolveError{Uses: uses, Detail: err.Error()}
		}
	case versionWanted(at):
		ref.version = at
	default:
		return ref, &ResolveError{Uses: uses, Detail: "the version behind @ must be 1, 1.2 or 1.2.3, or sha256:HEX"}
	}
	return ref, nil
}

func parseHash(text string) (*[32]byte, error) {
	digits, ok := strings.CutPrefix(text, "sha256:")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != 32 || digits != strings.ToLower(digits) {
		return nil, errors.New("a hash is written @sha256: and 64 lower-case hex digits")
	}
	return (*[32]byte)(raw), nil
}

// ResolveError says why a uses: text leads to no node type, for whoever wrote it.
type ResolveError struct {
	Uses   string
	Detail string
	Hint   string // what to do instead, or ""
}

func (e *ResolveError) Error() string {
	uses := e.Uses
	if len(uses) > maxUses || !printable(uses, false) {
		uses = strconv.QuoteToASCII(uses[:min(len(uses), maxShort)])
	}
	msg := "uses " + uses + ": " + e.Detail
	if e.Hint != "" {
		msg += " (" + e.Hint + ")"
	}
	return msg
}
