/// Deliveries that an adapter has, and that are made by the worker that takes them out of a subscription: each message is then made,
/// handled and freed by one thread, and the adapter's own is not the narrow place.
///
/// They are taken in ascending order, each once. Those that are not taken are the adapter's to reject, when the last
/// reference goes.
package protocol LazyDeliveries: AnyObject, Sendable {
    /// Appends the deliveries at these places, which count from 0. Called on any thread, under no lock of the core;
    /// perhaps on several threads at once, never twice for one place.
    func make(_ places: Range<Int>, into deliveries: inout [Delivery])

    /// About how many bytes the deliveries at these places take up, as `Delivery.size` counts them. Called under a lock
    /// of the core.
    func size(of places: Range<Int>) -> Int
}
