import NIOCore
import Sluice

/// Writes complete HTTP/1.1 answers (RFC 9112), each into one buffer.
struct ResponseEncoder {
    private var second: Int64 = -1
    private var date = ""

    static let goOn: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

    /// - Parameters:
    ///   - close: whether the connection ends after this answer.
    ///   - headOnly: leaves out the body, as the answer to `HEAD` does.
    mutating func encode(
        _ response: HTTPInboundResponse, close: Bool, headOnly: Bool, allocator: ByteBufferAllocator
    ) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 256 + response.body.count)
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(Self.statusLine(response.status))
        buffer.writeStaticString("\r\nDate: ")
        buffer.writeString(now())
        buffer.writeStaticString("\r\nContent-Length: ")
        buffer.writeString(String(response.body.count))
        if close { buffer.writeStaticString("\r\nConnection: close") }
        for header in response.headers {
            buffer.writeStaticString("\r\n")
            Self.write(header.name, to: &buffer)
            buffer.writeStaticString(": ")
            Self.write(header.value, to: &buffer)
        }
        buffer.writeStaticString("\r\n\r\n")
        if !headOnly { buffer.writeBytes(response.body) }
        return buffer
    }

    /// Control characters are left out: a line break would start another header.
    private static func write(_ text: String, to buffer: inout ByteBuffer) {
        if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            buffer.writeBytes(text.utf8.filter { $0 >= 0x20 && $0 != 0x7F })
        } else {
            buffer.writeString(text)
        }
    }

    private mutating func now() -> String {
        let now = Timestamp.now().millisecondsSince1970 / 1000
        if now != second {
            second = now
            date = HTTPDate.format(secondsSince1970: now)
        }
        return date
    }

    private static func statusLine(_ status: Int) -> String {
        switch status {
        case 200: "200 OK"
        case 202: "202 Accepted"
        case 204: "204 No Content"
        case 400: "400 Bad Request"
        case 401: "401 Unauthorized"
        case 403: "403 Forbidden"
        case 404: "404 Not Found"
        case 405: "405 Method Not Allowed"
        case 408: "408 Request Timeout"
        case 413: "413 Content Too Large"
        case 415: "415 Unsupported Media Type"
        case 431: "431 Request Header Fields Too Large"
        case 500: "500 Internal Server Error"
        case 503: "503 Service Unavailable"
        // The reason phrase may be empty; the code must have three digits.
        case 100...999: "\(status) "
        default: "500 Internal Server Error"
        }
    }
}

/// The date format of HTTP (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    /// 0000-01-01 and 9999-12-31: the years that four digits can write.
    private static let range: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

    /// A time outside of the years 0 to 9999 becomes the nearest that can be written: the machine's clock may say anything.
    static func format(secondsSince1970 seconds: Int64) -> String {
        let (days, time) = divide(min(max(seconds, range.lowerBound), range.upperBound), by: 86_400)
        // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
        let (era, dayOfEra) = divide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(weekdays[Int(divide(days, by: 7).remainder)]), \(two(day)) \(months[Int(month - 1)]) \(four(year)) "
            + "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60)) GMT"
    }

    /// Rounded down, also before 1970.
    private static func divide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func four(_ number: Int64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    private static func two(_ number: Int64) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }

    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
