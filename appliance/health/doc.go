// Package health judges how a box is: a tree of named checks, from the power supply
// to the operator who has not been seen for long. It is pure: [Examine] turns
// [Facts] into a [Report], and asks nobody.
//
// Each check that is not fine says in one sentence what is wrong and what to do, in
// English and German. When a check fails, those below it are not judged but marked
// as blocked by it: a box whose disk is gone has one thing wrong with it, not five.
//
// A fact that is missing is never taken for a bad one, nor for a good one: the check
// is [Unknown] then.
package health
