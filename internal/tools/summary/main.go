// Command summary reads the output of go test -json and shows what go test without it would, with a last line that
// counts the tests: "123 passed, 0 failed". What failed is shown again before it: whoever reads only the end of a long
// log has to find the reason there. Its exit status is 1 if anything failed or no test ran.
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
	loose := map[string]string{}          // by package: the newest of what belongs to no test, as a crash does
	var again []string
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
				text := loose[e.Package] + e.Output
				loose[e.Package] = text[max(0, len(text)-endOf):]
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
				again = append(again, e.Package+"\n"+loose[e.Package])
			case e.Test == "":
			case e.Action == "pass":
				passed++
			case e.Action == "skip":
				skipped++
			default:
				failed++
				fmt.Print(said[key])
				again = append(again, key+"\n"+end(said[key]))
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
		again = append(again, key+" did not end\n"+end(text))
	}
	for _, text := range again {
		fmt.Printf("failed: %s\n", strings.TrimSpace(text))
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

// endOf is how many bytes of a failed test's output are shown again.
const endOf = 4 << 10

func end(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	return b.String()[max(0, b.Len()-endOf):]
}

// show passes on what a package says: its result, and what is no part of a test's output.
func show(line string) {
	if line != "PASS\n" && !strings.HasPrefix(line, "-test.shuffle") {
		fmt.Print(line)
	}
}
