package framework

import "encoding/json"

// described is a node in the description for programs.
type described struct {
	Name     string   `json:"name"`
	Sub      int      `json:"sub_topology"`
	Key      string   `json:"key,omitempty"`   // Go type of the keys that it hands on
	Value    string   `json:"value,omitempty"` // and of the values
	Class    Class    `json:"class"`
	Why      string   `json:"why,omitempty"` // it is not repeatable
	BehindMs int64    `json:"behind_ms"`     // what it hands on may be that much older than the watermark of its task
	Reads    string   `json:"reads,omitempty"`
	Writes   string   `json:"writes,omitempty"`
	To       []string `json:"to,omitempty"`
	Stores   []string `json:"stores,omitempty"`
}

// JSON returns the description for programs: an object with a list "nodes", in the order in which they were declared. Each has
// "name", "sub_topology", "key" and "value" (Go types), "class" (repeatable, arrival, clock) with "why", "behind_ms" (its
// hold-back), "reads" and "writes" (topics), "to" (nodes) and "stores". Stores, and the class of operators of the
// user's own, are known once the topology was built.
func (d Description) JSON() []byte {
	b := d.divided()
	var nodes []described
	for _, n := range d.t.nodes {
		one := described{Name: n.String(), Sub: b.sub[n.id], Class: b.class[n.id], Why: b.why[n.id], BehindMs: b.behind(n)}
		if !n.sink {
			one.Key, one.Value = n.keyType, n.valueType
		}
		if n.reads != nil {
			one.Reads = n.reads.title()
		}
		if n.writes != nil {
			one.Writes = n.writes.title()
		}
		for _, out := range n.out {
			one.To = append(one.To, out.to.String())
		}
		for _, store := range n.stores {
			one.Stores = append(one.Stores, store.name)
		}
		nodes = append(nodes, one)
	}
	text, err := json.MarshalIndent(map[string]any{"nodes": nodes}, "", "  ")
	if err != nil {
		panic(err) // there is nothing in it that cannot be written
	}
	return text
}
