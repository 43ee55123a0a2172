// Package alarm tells people of troubles, each once: when it begins, and when it is
// over. It is what remains of monitoring for those who have no Prometheus.
//
// What is wrong is found by others. A [Book] compares it with what was told before,
// also by a run of the program that has ended, and a [Teller] runs a command or
// calls a webhook. What could not be told is tried again.
package alarm
