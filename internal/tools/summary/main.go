// Command summary reads the output of go test -json and shows what go test without it would, with a last line that
// counts the tests: "123 passed, 0 failed". Its exit status is 1 if anything failed or no test ran.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// event is a line of go test -json (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Output     string
}

func main() {
	var passed, failed, skipped, broken int
	said := map[string]*strings.Builder{} // by package and test
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text())
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "build-output":
			fmt.Print(e.Output)
		case "output":
			if e.Test == "" {
				show(e.Output)
				continue
			}
			if said[key] == nil {
				said[key] = &strings.Builder{}
			}
			said[key].WriteString(e.Output)
		case "pass", "skip", "fail":
			switch {
			case e.Test == "" && e.Action == "fail":
				broken++
			case e.Test == "":
			case e.Action == "pass":
				passed++
			case e.Action == "skip":
				skipped++
			default:
				failed++
				fmt.Print(said[key])
			}
			delete(said, key)
		}
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
	for key, text := range said { // tests without an end: their package crashed or ran out of time
		fmt.Printf("%s did not end\n%s", key, text)
	}
	if broken > 0 {
		fmt.Printf("%d packages failed\n", broken)
	}
	if skipped > 0 {
		fmt.Printf("%d skipped\n", skipped)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed+broken > 0 || passed == 0 {
		os.Exit(1)
	}
}

// show passes on what a package says: its result, and what is no part of a test's output.
func show(line string) {
	if line != "PASS\n" && !strings.HasPrefix(line, "-test.shuffle") {
		fmt.Print(line)
	}
}
