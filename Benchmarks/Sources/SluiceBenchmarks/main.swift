import Sluice
import Synchronization
import Logging

final class Source: Subscriber, Settler {
  let name = "manual"; let defaultOrdering = Ordering.serial
  let total: Int; let batch: Int
  let settled = Atomic<Int>(0)
  let demand = AsyncStream<Void>.makeStream()
  let keyed: Bool
  init(total: Int, batch: Int, keyed: Bool = false) { self.total = total; self.batch = batch; self.keyed = keyed }
  func settle(_ tag: UInt64, _ s: Settlement) { settled.wrappingAdd(1, ordering: .relaxed) }
  func close() async {}
  func subscribe(to topic: Topic) async throws -> Subscription {
    let c = demand.continuation
    let sub = Subscription(capacity: 4096, onDemand: { c.yield() })
    let payload = [UInt8](repeating: 1, count: 16)
    let keys = (0..<100).map { Array("key-\($0)".utf8) }
    Task.detached { [self] in
      var sent = 0
      var it = demand.stream.makeAsyncIterator()
      while sent < total {
        var ds: [Delivery] = []; ds.reserveCapacity(batch)
        for i in 0..<batch { ds.append(Delivery(Message(payload: payload), origin: keyed ? .init(key: keys[(sent + i) % 100]) : .init(), settler: self, tag: 0)) }
        var rest = ds[...]
        while !rest.isEmpty {
          let n = sub.offer(rest)
          rest = rest.dropFirst(n)
          if !rest.isEmpty { await it.next() }
        }
        sent += batch
      }
      sub.finish()
    }
    return sub
  }
}
final class Null: Publisher {
  let name = "null"
  let count = Atomic<Int>(0)
  func publish(_ messages: [Message], to topic: Topic) async throws { count.wrappingAdd(messages.count, ordering: .relaxed) }
  func close() async {}
}
func go(_ label: String, total: Int, ordering: Ordering, keyed: Bool = false, _ mws: [any Middleware]) async throws {
  let source = Source(total: total, batch: 100, keyed: keyed)
  let out = Null()
  let router = Router(middlewares: mws)
  let out2 = Null()
  _ = out2
  try router.add(Route("r", from: source, "a", to: out, "b", ordering: ordering) { m, _ in [Message(payload: m.payload)] })
  let start = ContinuousClock.now
  let t = Task { try await router.run() }
  while out.count.load(ordering: .relaxed) < total || source.settled.load(ordering: .relaxed) < total { try await Task.sleep(for: .milliseconds(2)) }
  let d = ContinuousClock.now - start
  router.drain()
  _ = try await t.value
  let s = Double(d.components.seconds) + Double(d.components.attoseconds) / 1e18
  print(label, Int(Double(total) / s), "msg/s", Int(s * 1e9 / Double(total)), "ns")
}
Task.detached {
  let out = Null()
  let five: [any Middleware] = [CorrelationID(), Metrics(), PoisonQueue(to: out, "poison"), Retry(), Timeout(.seconds(10))]
  for _ in 0..<2 {
    try await go("serial bare", total: 1_000_000, ordering: .serial, [])
    try await go("unordered(2) bare", total: 1_000_000, ordering: .unordered(limit: 2), [])
    try await go("perKey(4) bare", total: 1_000_000, ordering: .perKey(lanes: 4), keyed: true, [])
    try await go("serial five", total: 1_000_000, ordering: .serial, five)
    try await go("serial four (no timeout)", total: 1_000_000, ordering: .serial, Array(five.dropLast()))
    try await go("serial correlation", total: 1_000_000, ordering: .serial, [CorrelationID()])
    try await go("serial metrics", total: 1_000_000, ordering: .serial, [Metrics()])
    try await go("serial retry", total: 1_000_000, ordering: .serial, [Retry()])
    try await go("serial poison", total: 1_000_000, ordering: .serial, [PoisonQueue(to: out, "p")])
    try await go("serial timeout", total: 1_000_000, ordering: .serial, [Timeout(.seconds(10))])
    try await go("unordered(2) five", total: 1_000_000, ordering: .unordered(limit: 2), five)
  }
  exit(0)
}
import Foundation
dispatchMain()
