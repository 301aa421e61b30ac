/// What comes in, on the topic `orders`.
public struct Order: Codable, Sendable {
    public struct Item: Codable, Sendable {
        public var sku: String
        public var quantity: Int
        /// In cents.
        public var price: Int

        public init(sku: String, quantity: Int, price: Int) {
            self.sku = sku
            self.quantity = quantity
            self.price = price
        }
    }

    public var number: Int
    public var customer: String
    public var items: [Item]

    public init(number: Int, customer: String, items: [Item]) {
        self.number = number
        self.customer = customer
        self.items = items
    }
}

/// What goes out, on the topic `invoices`.
public struct Invoice: Codable, Sendable, Equatable {
    public var order: Int
    public var customer: String
    /// In cents.
    public var total: Int

    public init(order: Int, customer: String, total: Int) {
        self.order = order
        self.customer = customer
        self.total = total
    }
}
