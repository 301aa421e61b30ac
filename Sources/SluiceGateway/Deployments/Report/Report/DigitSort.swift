/// Sorts many numbers digit by digit: in a time that grows as they do, and that no choice of numbers makes longer.
enum DigitSort {
    /// Bits of a digit.
    private static let width: UInt32 = 11
    /// Fewer are sorted by comparing them.
    private static let least = 1_024

    static func sorted(_ numbers: [UInt32]) -> [UInt32] {
        guard numbers.count >= least, let first = numbers.first else { return numbers.sorted() }
        // Where all have the same digit there is nothing to do.
        let differing = numbers.reduce(into: 0 as UInt32) { $0 |= $1 ^ first }
        let mask: UInt32 = 1 << width - 1
        var (from, to) = (numbers, [UInt32](repeating: 0, count: numbers.count))
        for shift in stride(from: 0, to: UInt32(32), by: UInt32.Stride(width)) where differing >> shift & mask != 0 {
            var places = [Int](repeating: 0, count: 1 << width)
            for number in from { places[Int(number >> shift & mask)] += 1 }
            var next = 0
            for digit in places.indices { (places[digit], next) = (next, next + places[digit]) }
            for number in from {
                let digit = Int(number >> shift & mask)
                to[places[digit]] = number
                places[digit] += 1
            }
            swap(&from, &to)
        }
        return from
    }
}
