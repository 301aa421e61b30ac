extension JSONReader {
    /// Reads an object; `body` is called for each member and reads those that it wants, by their names:
    ///
    /// ```swift
    /// try reader.fields { (reader) throws(JSONError) in
    ///     try reader.field("id", &id)
    ///     try reader.fieldOrSkip("description", &description)
    ///     if reader.isAt("labels") { labels = try Labels(&reader) }
    /// }
    /// ```
    @inlinable
    package mutating func fields(_ body: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
        try object { (key, reader) throws(JSONError) in
            reader.fieldStart = reader.position
            reader.fieldName = UnsafeBufferPointer(start: key.start, count: key.count)
            reader.decodedFieldName = key.decoded
            try body(&reader)
        }
    }

    /// The same of a whole text.
    @inlinable
    package static func fields(
        of bytes: [UInt8], _ body: (inout JSONReader) throws(JSONError) -> Void
    ) throws(JSONError) {
        try read(bytes) { (reader) throws(JSONError) in try reader.fields(body) }
    }

    /// Whether the member's value comes next: it has this name, and nothing of it was read.
    @inlinable
    package func isAt(_ name: StaticString) -> Bool {
        guard position == fieldStart else { return false }
        return (decodedFieldName == nil && fieldName.count != name.utf8CodeUnitCount) ? false : isNamed(name)
    }

    @usableFromInline
    func isNamed(_ name: StaticString) -> Bool {
        let name = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        return decodedFieldName?.elementsEqual(name) ?? fieldName.elementsEqual(name)
    }

    // MARK: Values of one kind: another one is an error

    package mutating func field(_ name: StaticString, _ value: inout String) throws(JSONError) {
        if isAt(name) { value = try string() }
    }

    package mutating func field(_ name: StaticString, _ value: inout String?) throws(JSONError) {
        if isAt(name) { value = try string() }
    }

    package mutating func field(_ name: StaticString, _ value: inout Bool) throws(JSONError) {
        if isAt(name) { value = try boolean() }
    }

    package mutating func field(_ name: StaticString, _ value: inout Bool?) throws(JSONError) {
        if isAt(name) { value = try boolean() }
    }

    /// One that does not fit is 0.
    package mutating func field(_ name: StaticString, _ value: inout Int64) throws(JSONError) {
        if isAt(name) { value = try number().integer() ?? 0 }
    }

    /// One that does not fit is nil.
    package mutating func field(_ name: StaticString, _ value: inout Int64?) throws(JSONError) {
        if isAt(name) { value = try number().integer() }
    }

    // MARK: Values that may be another

    /// A text; nil for any other value.
    package mutating func fieldOrSkip(_ name: StaticString, _ value: inout String?) throws(JSONError) {
        if isAt(name) { value = try stringOrSkip() }
    }

    /// A text; nil for `null`.
    package mutating func fieldOrNull(_ name: StaticString, _ value: inout String?) throws(JSONError) {
        if isAt(name) { value = try stringOrNull() }
    }
}
