// Package storetest is the contract of a store of feeds, as tests: [Run] runs
// them against one. A [Writer] is a feed's writer in memory, to give a store
// something to hold; the tests of package store use it too.
package storetest
