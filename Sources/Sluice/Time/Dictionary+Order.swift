extension Dictionary where Key: Comparable {
    /// The values in the order of their keys: a dictionary's own order is another in every run, and what follows from
    /// it could not be repeated.
    package var valuesInOrder: [Value] { sorted { $0.key < $1.key }.map(\.value) }
}
