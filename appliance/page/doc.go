// Package page is what a box shows to a browser on its own network: one page that
// says how the box is and what to do next, for people who have no Grafana and
// perhaps no account of anything.
//
// It can only be read. It has no script, no form, no cookie and nothing from
// elsewhere, and it never asks for the code on the label: whoever is on the same
// network can fake this page, so that nobody may learn to type a code into it. It
// says nothing about partners, not even how many pins there are.
//
// [New] makes the page from [Facts], which are asked for at each request; it keeps
// nothing itself. [History] keeps the last day's figures for its plots, and
// [Serve] answers a bounded number of connections, for a bounded time each.
package page
