package storetest

import "cobox/seeder/feed"

// Nodes are those of another feed.Nodes, and some more in memory.
type Nodes struct {
	below feed.Nodes
	more  map[uint64]feed.Node
}

// NewNodes returns the nodes of below.
func NewNodes(below feed.Nodes) *Nodes { return &Nodes{below, make(map[uint64]feed.Node)} }

// Add adds nodes.
func (n *Nodes) Add(nodes ...feed.Node) {
	for _, node := range nodes {
		n.more[node.Index] = node
	}
}

// Node returns a node.
func (n *Nodes) Node(index uint64) (feed.Node, error) {
	if node, ok := n.more[index]; ok {
		return node, nil
	}
	return n.below.Node(index)
}
