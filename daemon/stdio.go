package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"levee/cache"
	"levee/graph/value"
	"levee/nodes"
	"levee/runtime"
)

// argsPort is the input of a stdio node type that becomes its command line.
const argsPort = "args"

// give hands the inputs to the call in the way of the node type's ABI. A stdio program gets its one input on stdin: text,
// bytes and JSON as they are, other types as JSON; several inputs come as one JSON object by port.
func (c *invocation) give(ctx context.Context, call *runtime.Call, inputs []runtime.Input) error {
	if c.typ.ABI != nodes.Stdio {
		call.ABI, call.Inputs = runtime.Reactor, inputs
		return nil
	}
	call.ABI = runtime.Stdio
	var ports []int
	for i, p := range c.typ.Inputs {
		if p.Name != argsPort || p.Type != value.ListOf(value.String) {
			ports = append(ports, i)
			continue
		}
		args, err := c.texts(ctx, i)
		if err != nil {
			return err
		}
		call.Args = args
	}
	switch len(ports) {
	case 0:
		call.Inputs = []runtime.Input{{Absent: true}}
		return nil
	case 1:
		if i := ports[0]; isRaw(c.typ.Inputs[i].Type) || inputs[i].Absent {
			call.Inputs = []runtime.Input{inputs[i]}
			return nil
		}
		text, err := c.asJSON(ctx, ports[0])
		call.Inputs = []runtime.Input{{Type: string(value.JSON), Bytes: text, Size: int64(len(text))}}
		return err
	}
	object := make(map[string]json.RawMessage, len(ports))
	for _, i := range ports {
		if inputs[i].Absent {
			continue
		}
		text, err := c.asJSON(ctx, i)
		if err != nil {
			return err
		}
		object[c.typ.Inputs[i].Name] = text
	}
	text, err := json.Marshal(object)
	call.Inputs = []runtime.Input{{Type: string(value.JSON), Bytes: text, Size: int64(len(text))}}
	return err
}

func isRaw(t value.Type) bool { return t == value.Bytes || t == value.String || t == value.JSON }

func (c *invocation) asJSON(ctx context.Context, port int) ([]byte, error) {
	v := c.Inputs[port]
	enc, err := c.run.load(ctx, v)
	if err != nil {
		return nil, err
	}
	return value.ToJSON(v.Type, enc, -1)
}

func (c *invocation) texts(ctx context.Context, port int) ([]string, error) {
	if c.Inputs[port].IsZero() {
		return nil, nil
	}
	enc, err := c.run.load(ctx, c.Inputs[port])
	if err != nil {
		return nil, err
	}
	items, err := value.Items(enc)
	list := make([]string, len(items))
	for i, it := range items {
		list[i] = string(it)
	}
	return list, err
}

// take turns what the node wrote into values, each checked against the port's concrete type.
func (c *invocation) take(ctx context.Context, res *runtime.Result) ([]value.Value, error) {
	ports := c.Node.Outputs
	if c.typ.ABI == nodes.Stdio && (len(ports) != 1 || !isRaw(ports[0].Type)) {
		return c.takeJSON(ctx, res)
	}
	values := make([]value.Value, len(ports))
	for i, p := range ports {
		if p.Stream {
			list, err := c.given.list(ctx, i)
			if err != nil {
				return nil, err
			}
			values[i] = list
			continue
		}
		out := res.Outputs[i]
		if !out.Written && (p.Optional || !emptyIsValid(p.Type)) {
			if p.Optional {
				continue
			}
			return nil, c.badOutput(p, "it was never written")
		}
		if out.Refers {
			v, err := c.publish(ctx, p, out)
			if err != nil {
				return nil, err
			}
			values[i] = v
			continue
		}
		v, err := c.run.output(ctx, p.Type, out)
		if err != nil {
			return nil, c.outputError(p, "", err)
		}
		values[i] = v
	}
	return values, nil
}

// emptyIsValid reports whether no bytes at all are a value of the type.
func emptyIsValid(t value.Type) bool { return t == value.String || t == value.Bytes }

// codeValue is the failure of a node that wrote something else than it promised.
const codeValue = "E_VALUE"

func (c *invocation) badOutput(p value.Port, why string) error {
	return &runtime.Error{Code: codeValue, Module: c.typ.Module.Name, Detail: fmt.Sprintf("output %s is no %s: %s", p.Name, p.Type, why)}
}

// outputError is for an error of Run.output: what is wrong with the bytes is the node's, the rest is the disk's.
func (c *invocation) outputError(p value.Port, where string, err error) error {
	if wrong, ok := errors.AsType[*cache.EncodingError](err); ok {
		return c.badOutput(p, where+wrong.Err.Error())
	}
	return fmt.Errorf("output %s: %w", p.Name, err)
}

func (c *invocation) takeJSON(ctx context.Context, res *runtime.Result) ([]value.Value, error) {
	ports := c.Node.Outputs
	if len(ports) == 0 {
		return nil, nil
	}
	stdout, err := c.run.output(ctx, value.JSON, res.Outputs[0])
	if err != nil {
		return nil, c.outputError(ports[0], "stdout: ", err)
	}
	text, err := c.run.load(ctx, stdout)
	if err != nil {
		return nil, err
	}
	object := map[string]json.RawMessage{ports[0].Name: text}
	if len(ports) > 1 {
		if err := json.Unmarshal(text, &object); err != nil {
			return nil, c.badOutput(ports[0], "stdout is no JSON object with a field per output")
		}
	}
	values := make([]value.Value, len(ports))
	for i, p := range ports {
		raw, ok := object[p.Name]
		if !ok {
			if p.Optional {
				continue
			}
			return nil, c.badOutput(p, "stdout has no field of that name")
		}
		v, err := value.FromJSON(p.Type, raw)
		if err != nil {
			return nil, c.badOutput(p, err.Error())
		}
		if v.Size > value.InlineMax {
			enc, _ := v.Inline()
			if v, err = c.run.keep(ctx, p.Type, enc); err != nil {
				return nil, err
			}
		}
		values[i] = v
	}
	return values, nil
}
