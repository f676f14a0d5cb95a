package graph

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// The forms of uses: pack/type, pack/type@1.2, pack/type@sha256:HEX, ./x.wasm, ./x.wasm#type, @sha256:HEX, @sha256:HEX#type.
var (
	typePattern    = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	versionPattern = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9}){0,2}$`)
	digestPattern  = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// checkUses checks the form only; whether there is such a node type the resolver knows.
func checkUses(s string) error {
	switch {
	case s == "":
		return errors.New("uses is empty")
	case strings.HasSuffix(s, ".flow.yaml"), strings.HasSuffix(s, ".flow.yml"), strings.HasSuffix(s, ".flow.json"):
		return fmt.Errorf("%s: a workflow as a node is not available in this version", quote(s))
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
	if !ok || !typePattern.MatchString(pack) || !typePattern.MatchString(node) {
		return fmt.Errorf("%s: a node type is named pack/type, pack/type@1.2, ./x.wasm, ./x.wasm#type or @sha256:HEX", quote(s))
	}
	if hasVersion && !versionPattern.MatchString(version) && !digestPattern.MatchString(version) {
		return fmt.Errorf("%s: behind @ stands a version such as 1.2, or sha256: and 64 hex digits", quote(s))
	}
	return nil
}

func checkModulePath(s string) error {
	file, node, hasNode := strings.Cut(s, "#")
	rest, ok := strings.CutPrefix(file, "./")
	if ok {
		if err := checkPath(rest); err != nil {
			return err
		}
	} else if err := checkPath(file); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s: a module beside the workflow is written ./x.wasm", quote(s))
	}
	if !strings.HasSuffix(file, ".wasm") {
		return fmt.Errorf("%s: a module's file ends with .wasm", quote(s))
	}
	return checkTypeName(s, node, hasNode)
}

func checkTypeName(s, node string, has bool) error {
	if has && !typePattern.MatchString(node) {
		return fmt.Errorf("%s: behind # stands the name of a node type of the module", quote(s))
	}
	return nil
}
