package main

import "strings"

// systemLanguage is the language tag of the environment, as POSIX has it: zh_CN.UTF-8 is zh-CN. Without one it is empty.
func systemLanguage(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := getenv(name); locale != "" {
			locale, _, _ = strings.Cut(locale, ".")
			locale, _, _ = strings.Cut(locale, "@")
			if locale == "C" || locale == "POSIX" {
				return ""
			}
			return strings.ReplaceAll(locale, "_", "-")
		}
	}
	return ""
}
