package daemon

import (
	"context"
	"errors"
	"fmt"

	"levee/cache"
	"levee/graph/value"
	"levee/nodes"
	"levee/runtime"
)

// argsPort is the input of a stdio node type that becomes its command line.
const argsPort = "args"

// give hands the inputs to the call in the way of the node type's ABI. A stdio program has no others than stdin and its arguments.
func (c *invocation) give(ctx context.Context, call *runtime.Call, inputs []runtime.Input) error {
	if c.typ.ABI != nodes.Stdio {
		call.ABI, call.Inputs = runtime.Reactor, inputs
		return nil
	}
	call.ABI, call.Inputs = runtime.Stdio, []runtime.Input{{Absent: true}}
	for i, p := range c.typ.Inputs {
		if p.Name != argsPort {
			call.Inputs[0] = inputs[i]
			continue
		}
		args, err := c.texts(ctx, i)
		if err != nil {
			return err
		}
		call.Args = args
	}
	return nil
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
			return nil, c.outputError(p, err)
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
func (c *invocation) outputError(p value.Port, err error) error {
	if wrong, ok := errors.AsType[*cache.EncodingError](err); ok {
		return c.badOutput(p, wrong.Err.Error())
	}
	return fmt.Errorf("output %s: %w", p.Name, err)
}
