/// Sorts many numbers digit by digit: in a time that grows as they do, and that no choice of numbers makes longer.
enum DigitSort {
    /// Bits of a digit.
    private static let width = 11
    /// Fewer are sorted by comparing them.
    private static let least = 1_024

    static func sorted(_ numbers: [Int64]) -> [Int64] {
        guard numbers.count >= least, let first = numbers.first else { return numbers.sorted() }
        // Where all have the same digit there is nothing to do: most bits of a time are such.
        let differing = numbers.reduce(into: UInt64(0)) { $0 |= UInt64(bitPattern: $1 ^ first) }
        var (from, to) = (numbers, [Int64](repeating: 0, count: numbers.count))
        for shift in stride(from: 0, to: 64, by: width) where differing >> UInt64(shift) & mask != 0 {
            var places = [Int](repeating: 0, count: 1 << width)
            for number in from { places[digit(number, shift)] += 1 }
            var next = 0
            for digit in places.indices { (places[digit], next) = (next, next + places[digit]) }
            for number in from {
                let digit = digit(number, shift)
                to[places[digit]] = number
                places[digit] += 1
            }
            swap(&from, &to)
        }
        return from
    }

    private static var mask: UInt64 { 1 << UInt64(width) - 1 }

    /// Numbers below 0 come before all others.
    private static func digit(_ number: Int64, _ shift: Int) -> Int {
        Int((UInt64(bitPattern: number) ^ 1 << 63) >> UInt64(shift) & mask)
    }
}
