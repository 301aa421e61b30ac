/// Is told what the routes of a ``Router`` do, attempt by attempt: for a journal, or for a view of what happens.
///
/// It is called on the message path, from many threads: it must not wait, and should cost next to nothing. A router without
/// one pays a comparison for each message.
///
/// ```swift
/// let router = Router(observer: journal)
/// ```
public protocol RouteObserver: AnyObject, Sendable {
    /// A route is made; one that is made anew is told of again.
    /// - Returns: the number that stands for the route in everything that follows, so that no name is looked up for a message.
    func begin(_ route: String, to destination: String) -> Int

    /// An attempt has ended.
    func ended(_ attempt: AttemptEnd)

    /// A delivery has left its route.
    func ended(_ delivery: DeliveryEnd)

    /// A destination stops taking messages, or takes them again.
    func changed(_ destination: DestinationChange)
}
