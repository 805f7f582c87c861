package frameworktest

import (
	"context"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
)

var otherPlants = []plant{
	{"the second Close fails", "closing twice is safe", func(p *planted) {
		p.close = func(w *plantedWorker, ctx context.Context) error {
			if w.closed {
				return local.ErrClosed
			}
			w.closed = true
			return w.Worker.Close(ctx)
		}
	}},
	{"a worker that was not polled stays in the group", "closing before the first poll is safe", func(p *planted) {
		p.close = func(*plantedWorker, context.Context) error { return nil }
	}},
	{"Close does not end a poll", "closing ends a poll that waits", func(p *planted) {
		p.poll = func(w *plantedWorker, ctx context.Context, wait time.Duration, records bool) (connector.Batch, error) {
			if wait < long {
				return w.Worker.Poll(ctx, wait, records)
			}
			<-ctx.Done()
			return connector.Batch{}, ctx.Err()
		}
	}},
	{"Wake does nothing", "a wake ends a poll that waits", func(p *planted) { p.wake = func(*plantedWorker) {} }},
	{"the context is not heeded", "the end of its context ends a poll that waits", func(p *planted) {
		p.poll = func(w *plantedWorker, _ context.Context, wait time.Duration, records bool) (connector.Batch, error) {
			return w.Worker.Poll(context.Background(), wait, records)
		}
	}},
	{"a closed worker polls", "a closed worker says so", func(p *planted) {
		p.poll = func(w *plantedWorker, ctx context.Context, wait time.Duration, records bool) (connector.Batch, error) {
			b, _ := w.Worker.Poll(ctx, wait, records)
			return b, nil
		}
	}},
	{"a closed worker panics", "a closed worker says so", func(p *planted) {
		p.purge = func(*plantedWorker, []connector.Position) { panic("it is closed") }
	}},
	{"a closed worker commits", "a closed worker says so", func(p *planted) {
		p.commit = func(*plantedWorker, []connector.Position) error { return nil }
	}},
	{"a closed worker forgets to acknowledge", "a closed worker says so", func(p *planted) {
		p.write = func(w *plantedWorker, outs []connector.Out, acked func(int, error)) {
			w.Worker.Write(outs, func(n int, err error) {
				if err == nil {
					acked(n, err)
				}
			})
		}
	}},
	{"every topic has one partition", "topics are told with their partitions, and one that is missing is told", func(p *planted) {
		p.admin = func(a connector.Admin) connector.Admin {
			return &plantedAdmin{Admin: a, topics: func(infos []connector.TopicInfo) {
				for i := range infos {
					infos[i].Partitions = min(infos[i].Partitions, 1)
				}
			}}
		}
	}},
	{"Create makes topics anew", "a topic that exists is left as it is", func(p *planted) {
		p.admin = func(a connector.Admin) connector.Admin {
			return &plantedAdmin{Admin: a, create: func(specs []connector.TopicSpec) {
				for _, spec := range specs {
					for _, l := range p.Logs(spec.Name) {
						l.Purge(l.Span().End)
					}
				}
			}}
		}
	}},
	{"the second Close of the admin fails", "closing the admin twice is safe", func(p *planted) {
		p.admin = func(a connector.Admin) connector.Admin { return &plantedAdmin{Admin: a} }
	}},
	{"nothing committed is told as 0", "the admin tells what is committed", func(p *planted) {
		p.admin = func(a connector.Admin) connector.Admin {
			return &plantedAdmin{Admin: a, committed: func(all [][]connector.Position) {
				for i := range all[0] {
					all[0][i].Offset = max(0, all[0][i].Offset)
				}
			}}
		}
	}},
	{"what was committed is told without its metadata", "the admin tells what is committed", func(p *planted) {
		p.admin = func(a connector.Admin) connector.Admin {
			return &plantedAdmin{Admin: a, committed: func(all [][]connector.Position) {
				for i := range all[0] {
					all[0][i].Metadata = ""
				}
			}}
		}
	}},
	{"who has left is told to read yet", "the admin tells who reads what", func(p *planted) {
		p.admin = func(a connector.Admin) connector.Admin { return &plantedAdmin{Admin: a, stale: true} }
	}},
	{"the ends are one too far", "a bounded run comes to the ends", func(p *planted) {
		p.admin = func(a connector.Admin) connector.Admin {
			return &plantedAdmin{Admin: a, ends: func(all [][]int64) {
				for i := range all[0] {
					all[0][i]++
				}
			}}
		}
	}},
	{"it says that it is durable", "what a durable connector has committed is there for the next process", func(p *planted) { p.can.Durable = true }},
	{"it says that it is atomic", "an atomic connector shows nothing that is not committed", func(p *planted) { p.can.Atomic = true }},
	{"it says that it is atomic, and keeps what was not committed", "an atomic connector keeps outputs and positions as one", func(p *planted) {
		p.can.Atomic = true
		p.write = func(w *plantedWorker, outs []connector.Out, acked func(int, error)) { w.Worker.Write(outs, acked) }
	}},
	{"it says that it is shared", "processes share the work, or the second one is refused", func(p *planted) { p.can.Shared = true }},
	{"it is durable and lets a second process in", "processes share the work, or the second one is refused", func(p *planted) {
		p.can.Durable = true
		p.reopen = func() connector.Connector { return p }
	}},
}
