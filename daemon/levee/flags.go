package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"levee/daemon"
	"levee/graph/value"
	"levee/runtime"
)

// setting is a flag whose value is checked where it is read, so that what cannot be is told before anything begins.
type setting[T any] struct {
	to    *T
	parse func(text string) (T, error)
	kind  string // as the help names it
	text  string // as it was given
}

func (s *setting[T]) Set(text string) error {
	v, err := s.parse(text)
	if err == nil {
		*s.to, s.text = v, text
	}
	return err
}

func (s *setting[T]) String() string { return s.text }
func (s *setting[T]) Type() string   { return s.kind }

// number is a flag of whole numbers between two.
func number(to *int, least, most int) pflag.Value {
	return &setting[int]{to: to, kind: "int", parse: func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("a number from %d to %d", least, most)
		}
		return n, nil
	}}
}

// span is a flag of durations above zero.
func span(to *time.Duration) pflag.Value {
	return &setting[time.Duration]{to: to, kind: "duration", parse: func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return 0, errors.New("a duration such as 250ms, 30s, 5m or 1h30m")
		}
		return d, nil
	}}
}

// size is a flag of bytes, least or more.
func size(to *int64, least int64) pflag.Value {
	return &setting[int64]{to: to, kind: "size", parse: func(text string) (int64, error) {
		n, err := daemon.ParseSize(text)
		if err == nil && n < least {
			err = errors.New("a size above 0")
		}
		return n, err
	}}
}

// choice is a flag that is one of a few words; to holds the one that it is when it is not given.
func choice[T ~string](to *T, words ...T) pflag.Value {
	return &setting[T]{to: to, kind: "string", text: string(*to), parse: func(text string) (T, error) {
		if slices.Contains(words, T(text)) {
			return T(text), nil
		}
		list, last := "", len(words)-1
		for _, w := range words[:last] {
			list += ", " + string(w)
		}
		return "", fmt.Errorf("%s or %s", strings.TrimPrefix(list, ", "), words[last])
	}}
}

// folders is a flag of folders below the one that is served. Given once it replaces the default, given again it adds to it.
func folders(to *[]string) pflag.Value {
	return &setting[[]string]{to: to, kind: "folders", parse: func(text string) ([]string, error) {
		list := append([]string{}, *to...)
		if text == "" {
			return list, nil
		}
		for dir := range strings.SplitSeq(text, ",") {
			if !filepath.IsLocal(dir) {
				return nil, errors.New("a folder below the served one, such as data or in/photos")
			}
			list = append(list, filepath.ToSlash(dir))
		}
		return list, nil
	}}
}

// flagError says what is wrong with a flag, and where to look it up.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	var invalid *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &invalid):
		text = fmt.Sprintf("--%s %s: %s", invalid.GetFlag().Name, cmp.Or(invalid.GetValue(), `""`), goNames.Replace(invalid.Unwrap().Error()))
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := value.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			text += ": did you mean --" + near + "?"
		}
	}
	return usagef("%s (see %s --help)", text, cmd.CommandPath())
}

// goNames takes names of Go's library out of messages for people.
var goNames = strings.NewReplacer("strconv.ParseInt: ", "", "strconv.ParseBool: ", "", "strconv.Atoi: ", "")

// globalFlags are those of every command.
func (a *app) globalFlags(f *pflag.FlagSet) {
	f.StringVar(&a.config.StateDir, "state", cmp.Or(os.Getenv("LEVEE_STATE"), os.Getenv("STATE_DIRECTORY")), "folder of the run history (default: see levee paths)")
	f.StringVar(&a.config.CacheDir, "cache", cmp.Or(os.Getenv("LEVEE_CACHE"), os.Getenv("CACHE_DIRECTORY")), "folder of stored results; may be deleted (default: see levee paths)")
	f.StringSliceVar(&a.config.NodeDirs, "nodes", filepath.SplitList(os.Getenv("LEVEE_NODES")), "folders of registered modules")
	f.BoolVar(&a.json, "json", false, "machine-readable output; the last line says how it ended")
	f.Var(choice(&a.color, "auto", "always", "never"), "color", "auto, always or never")
	f.Var(choice(&a.logFormat, "auto", "text", "json"), "log-format", "auto, text or json")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log more")
	f.Lookup("state").DefValue, f.Lookup("cache").DefValue = "", "" // levee paths says it
}

// engineFlags are those of commands that run nodes.
func (a *app) engineFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(size(&a.config.CacheMax, 1), "cache-max", "size that the stored results are kept below (default 10GiB)")
	f.Var(span(&a.config.KeepRuns), "keep-runs", "age at which ended runs are forgotten (default 2160h)")
	f.Var(number(&a.config.Workers, 1, daemon.MostAtOnce), "jobs", "nodes that run at the same time (default: one per CPU)")
	a.config.Isolation = runtime.IsolationProcess
	f.Var(choice(&a.config.Isolation, runtime.IsolationProcess, runtime.IsolationWeak), "isolation", "process, or weak: goes on without what the kernel lacks (for modules you trust)")
	a.ceilingFlags(cmd)
}

// ceilingFlags are what the operator allows at most.
func (a *app) ceilingFlags(cmd *cobra.Command) {
	f, top := cmd.Flags(), &a.config.Ceiling
	f.Var(folders(&top.Read), "allow-read", "the most that workflows may read: folders below the served one (default: all of it)")
	f.Var(folders(&top.Write), "allow-write", "the most that workflows may write (default: all of the served folder)")
	f.BoolVar(&a.readOnly, "read-only", false, "workflows may write nothing")
	f.Var(size(&top.Memory, 1), "max-memory", "the most memory that one node may have (default 1GiB)")
	f.Var(size(&top.GPU, 1), "max-gpu-memory", "the most memory that one node may have in tensors, on a GPU or not (default 4GiB)")
	f.Var(span(&top.Time), "max-time", "the most time that one node may take (default 1h)")
	f.StringToIntVar(&a.config.Devices, "device", nil, "NAME=SLOTS: declares a device that nodes may ask for, with how many run on it at once; for tests")
	f.BoolVar(&a.config.SharedFiles, "shared-files", false, "also take files that others may write")
	f.Lookup("device").DefValue = ""
}

// mapFlag is for commands that take files of other systems.
func (a *app) mapFlag(cmd *cobra.Command) {
	cmd.Flags().StringToStringVar(&a.config.Map, "map", nil, "TYPE=USES: a module for a node type of a nodetool or ComfyUI file, as acme.Blur=./blur.wasm#blur")
	cmd.Flags().Lookup("map").DefValue = ""
}
