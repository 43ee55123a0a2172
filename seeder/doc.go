// Package seeder is one running seeder: a box that keeps partners' feeds
// without any key that opens them. It puts the parts together: the store, the
// exchange that replicates, the libp2p host, the pins with their quotas, and
// the API with which people ask for them.
//
// It holds no authority: who may pin is said by grants that an operator signed.
// Package seeder/space, which could decrypt, is never linked here; a test over
// the imports proves it.
package seeder
