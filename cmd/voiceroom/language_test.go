package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSystemLanguage(t *testing.T) {
	for _, row := range []struct {
		env  map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"LANG": "C.UTF-8"}, ""},
		{map[string]string{"LANG": "POSIX"}, ""},
		{map[string]string{"LANG": "zh_CN.UTF-8"}, "zh-CN"},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "de"}, "de"},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "de", "LC_ALL": "sr_RS@latin"}, "sr-RS"},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, ""},
	} {
		require.Equal(t, row.want, systemLanguage(func(name string) string { return row.env[name] }), row.env)
	}
}
