/// Names and values in order, as AMQP has them in headers and arguments. A name has at most 255 bytes.
public struct AMQPTable: Sendable, Hashable {
    /// One entry.
    public struct Element: Sendable, Hashable {
        public let name: String
        public var value: AMQPValue

        public init(name: String, value: AMQPValue) {
            self.name = name
            self.value = value
        }
    }

    private var elements: [Element] = []

    public init() {}

    /// The last value of this name; setting nil removes it, setting a new name appends it.
    public subscript(name: String) -> AMQPValue? {
        get { elements.last { $0.name == name }?.value }
        set {
            if let newValue {
                if let index = elements.lastIndex(where: { $0.name == name }) {
                    elements[index].value = newValue
                } else {
                    elements.append(Element(name: name, value: newValue))
                }
            } else {
                elements.removeAll { $0.name == name }
            }
        }
    }

    /// Appends a value without looking whether the name is there.
    public mutating func append(_ name: String, _ value: AMQPValue) {
        elements.append(Element(name: name, value: value))
    }

    public mutating func reserveCapacity(_ count: Int) {
        elements.reserveCapacity(count)
    }

    /// How many bytes it takes on the wire.
    var size: Int {
        elements.reduce(4) { $0 + 1 + $1.name.utf8.count + $1.value.size }
    }

    /// Whether every name fits into its byte of length.
    var isEncodable: Bool {
        elements.allSatisfy { element in
            guard element.name.utf8.count <= 255 else { return false }
            return switch element.value {
            case .table(let table): table.isEncodable
            case .array(let values): AMQPTable.isEncodable(values)
            default: true
            }
        }
    }

    private static func isEncodable(_ values: [AMQPValue]) -> Bool {
        values.allSatisfy { value in
            switch value {
            case .table(let table): table.isEncodable
            case .array(let values): isEncodable(values)
            default: true
            }
        }
    }
}

extension AMQPTable: RandomAccessCollection {
    public var startIndex: Int { elements.startIndex }
    public var endIndex: Int { elements.endIndex }
    public subscript(position: Int) -> Element { elements[position] }
}

extension AMQPTable: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, AMQPValue)...) {
        for (name, value) in elements { self[name] = value }
    }
}
