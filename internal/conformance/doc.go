// Package conformance has calls of the REST API with their answers, written from the documents, and plays them against any
// server: ours in the tests, another by its URL.
//
// cases/service/command.yaml holds the cases of one command, and which codes the documents name for it. Answers are
// compared whole: a field that is missing or too many is a difference.
package conformance
