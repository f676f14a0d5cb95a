package value

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseType(t *testing.T) {
	for text, want := range map[string]Type{
		"int": Int, "list<int>": "list<int>", " map< list<string> > ": "map<list<string>>",
		"tensor<f32,[]>": "tensor<f32,[]>", "tensor<u8,[2, n, 3]>": "tensor<u8,[2,n,3]>", "T": "T", "list<T>": "list<T>",
		"list<tensor<bf16,[0]>>": "list<tensor<bf16,[0]>>",
	} {
		got, err := ParseType(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{
		"", "Int", "list", "list<>", "list<int", "map<>", "list<int,int>", "TT", "t", "tensor", "tensor<f32>", "tensor<f33,[1]>",
		"tensor<f32,[1,]>", "tensor<f32,[-1]>", "tensor<f32,[01]>", "tensor<f32,[N]>", "tensor<f32,[1,2,3,4,5,6,7,8,9]>", "int>", "list<int>>",
		strings.Repeat("list<", 9) + "int" + strings.Repeat(">", 9), strings.Repeat("a", 300),
	} {
		_, err := ParseType(text)
		require.Error(t, err, "%q", text)
	}
}

func TestTypeParts(t *testing.T) {
	require.Equal(t, Type("list<map<int>>"), ListOf(MapOf(Int)))
	require.Equal(t, MapOf(Int), ListOf(MapOf(Int)).Elem())
	require.Equal(t, "list", ListOf(Int).Base())
	require.Equal(t, Type(""), Type("tensor<f32,[2]>").Elem())
	require.True(t, Type("map<list<T>>").HasVar())
	require.False(t, Type("list<int>").HasVar())
	dtype, shape, err := Type("tensor<i64,[2,n]>").Tensor()
	require.NoError(t, err)
	require.Equal(t, "i64", dtype)
	require.Equal(t, []int64{2, -1}, shape)
}

func TestAssignable(t *testing.T) {
	for _, c := range []struct {
		from, to Type
		want     bool
	}{
		{Int, Int, true}, {Int, Float, true}, {Float, Int, false}, {Image, Any, true}, {Any, Image, false}, {Bytes, String, false},
		{"list<int>", "list<float>", true}, {"list<float>", "list<int>", false}, {"list<int>", "map<int>", false},
		{"map<list<int>>", "map<list<any>>", true}, {"list<int>", JSON, false},
		{"tensor<f32,[2,3]>", "tensor<f32,[n,3]>", true}, {"tensor<f32,[2,3]>", "tensor<f32,[n,n]>", true},
		{"tensor<f32,[n,3]>", "tensor<f32,[2,3]>", false}, {"tensor<f32,[2]>", "tensor<f32,[2,1]>", false},
		{"tensor<f32,[2]>", "tensor<f64,[2]>", false}, {"tensor<f32,[2]>", "tensor<f32>", false},
	} {
		require.Equal(t, c.want, Assignable(c.from, c.to), "%s -> %s", c.from, c.to)
	}
}

func TestBind(t *testing.T) {
	for _, c := range []struct {
		name     string
		patterns []Type
		actuals  []Type
		fits     bool
		want     Type
	}{
		{"first type", []Type{"list<T>"}, []Type{"list<image>"}, true, Image},
		{"same twice", []Type{"T", "T"}, []Type{String, String}, true, String},
		{"narrow into wide", []Type{"T", "list<T>"}, []Type{Float, "list<int>"}, true, Float},
		{"wide behind narrow", []Type{"T", "list<T>"}, []Type{Int, "list<float>"}, true, Float},
		{"any", []Type{"T", "T"}, []Type{Int, Any}, true, Any},
		{"different", []Type{"T", "T"}, []Type{Int, String}, false, Int},
		{"no list", []Type{"list<T>"}, []Type{Int}, false, ""},
		{"nested", []Type{"map<list<T>>"}, []Type{"map<list<bytes>>"}, true, Bytes},
		{"concrete", []Type{Float}, []Type{Int}, true, ""},
	} {
		vars, fits := map[Type]Type{}, true
		for i := range c.patterns {
			fits = Bind(c.patterns[i], c.actuals[i], vars) && fits
		}
		require.Equal(t, c.fits, fits, c.name)
		require.Equal(t, c.want, vars["T"], c.name)
	}
	require.Equal(t, Type("map<list<int>>"), Type("map<list<T>>").Subst(map[Type]Type{"T": Int}))
	require.Equal(t, Type("list<any>"), Type("list<T>").Subst(nil))
	require.Equal(t, Type("tensor<f32,[2]>"), Type("tensor<f32,[2]>").Subst(map[Type]Type{"T": Int}))
}

func FuzzParseType(f *testing.F) {
	for _, s := range []string{"int", "list<T>", "tensor<f32,[2,n]>", "list<<>>", "tensor<,>", "map<list<", "tensor<f32,[2]>>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		typ, err := ParseType(s)
		if err != nil {
			return
		}
		again, err := ParseType(string(typ))
		require.NoError(t, err)
		require.Equal(t, typ, again)
		require.True(t, Assignable(typ, typ))
		require.False(t, typ.Subst(nil).HasVar())
	})
}
