package graph

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// The forms of uses: pack/type, pack/type@1.2, pack/type@sha256:HEX, ./x.wasm, ./x.wasm#type, @sha256:HEX, @sha256:HEX#type, and
// ./x.flow.yaml for a workflow.
var (
	versionPattern = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9}){0,2}$`)
	digestPattern  = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// checkUses checks the form only; whether there is such a node type the resolver knows.
func checkUses(s string) error {
	switch {
	case s == "":
		return errors.New("uses is empty")
	case IsWorkflow(s):
		return checkBeside(s, s, "a workflow", "./x.flow.yaml")
	case strings.HasPrefix(s, "oci://"):
		return fmt.Errorf("%s: modules from registries are not available in this version", quote(s))
	case strings.HasPrefix(s, "@"):
		digest, node, hasNode := strings.Cut(s[1:], "#")
		if !digestPattern.MatchString(digest) {
			return fmt.Errorf("%s: a module is named by @sha256: and 64 hex digits", quote(s))
		}
		return checkTypeName(s, node, hasNode)
	case strings.HasPrefix(s, "."), strings.HasPrefix(s, "/"), strings.Contains(s, ".wasm"), strings.Contains(s, `\`):
		return checkModulePath(s)
	}
	name, version, hasVersion := strings.Cut(s, "@")
	pack, node, ok := strings.Cut(name, "/")
	if !ok || !idPattern.MatchString(pack) || !idPattern.MatchString(node) {
		return fmt.Errorf("%s: a node type is named pack/type, pack/type@1.2, ./x.wasm, ./x.wasm#type, @sha256:HEX or ./x.flow.yaml", quote(s))
	}
	if hasVersion && !versionPattern.MatchString(version) && !digestPattern.MatchString(version) {
		return fmt.Errorf("%s: behind @ stands a version such as 1.2, or sha256: and 64 hex digits", quote(s))
	}
	return nil
}

func checkModulePath(s string) error {
	file, node, hasNode := strings.Cut(s, "#")
	if err := checkBeside(s, file, "a module", "./x.wasm"); err != nil {
		return err
	}
	if !strings.HasSuffix(file, ".wasm") {
		return fmt.Errorf("%s: a module's file ends with .wasm", quote(s))
	}
	return checkTypeName(s, node, hasNode)
}

// checkBeside checks the path of a file beside the workflow or below.
func checkBeside(s, file, what, form string) error {
	rest, ok := strings.CutPrefix(file, "./")
	if err := checkPath(rest); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s: %s beside the workflow is written %s", quote(s), what, form)
	}
	return nil
}

// IsWorkflow reports whether a file's name says that it is a workflow.
func IsWorkflow(name string) bool {
	base := path.Base(name)
	for _, ext := range []string{".yaml", ".yml", ".json"} {
		if base == "workflow"+ext || (strings.HasSuffix(base, ".flow"+ext) && base != ".flow"+ext) {
			return true
		}
	}
	return false
}

func checkTypeName(s, node string, has bool) error {
	if has && !idPattern.MatchString(node) {
		return fmt.Errorf("%s: behind # stands the name of a node type of the module", quote(s))
	}
	return nil
}
