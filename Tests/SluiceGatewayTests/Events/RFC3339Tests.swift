import Sluice
import SluiceGateway
import SluiceTesting
import Testing

struct RFC3339Tests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-01-02T03:04:05.678Z", 1_767_323_045_678),
            ("2019-05-15T15:19:25Z", 1_557_933_565_000), ("2019-05-15T17:19:25+02:00", 1_557_933_565_000),
            ("2019-05-15t15:19:25z", 1_557_933_565_000), ("2019-05-15T15:19:25-00:00", 1_557_933_565_000),
            ("2019-05-15T20:49:25.1+05:30", 1_557_933_565_100),
            ("2019-05-14T15:19:26.999999999-23:59", 1_557_933_506_999),
            ("2000-02-29T00:00:00Z", 951_782_400_000), ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("1969-12-31T23:59:59.999Z", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("2017-01-01T00:59:60+01:00", 1_483_228_800_000),
            ("2016-12-31T23:59:60.5Z", 1_483_228_800_500), ("2019-05-15T15:19:25.0009Z", 1_557_933_565_000),
        ] as [(String, Int64)])
    func readsTheExactInstant(text: String, milliseconds: Int64) {
        #expect(RFC3339.parse(text)?.millisecondsSince1970 == milliseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z", "2026-01-02T03:04Z",
        "2026-13-02T03:04:05Z", "2026-00-02T03:04:05Z", "2026-02-29T03:04:05Z", "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:61Z", "2026-01-02T03:04:60Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05,5Z",
        "2026-01-02T03:04:05+0200", "2026-01-02T03:04:05+2:00", "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+02:60",
        "2026-01-02T03:04:05ZZ", "2026-01-02T03:04:05Z ", " 2026-01-02T03:04:05Z", "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01", "+2026-01-02T03:04:05Z",
        "２026-01-02T03:04:05Z", "2026-01-02T03:04:05.1", "-001-01-02T03:04:05Z", "1557933565",
        "2026-01-02T03:04:05." + "1" + "1111111111111111111111111111111111111111111111111111111111111111Z",
    ])
    func refusesEverythingElse(text: String) {
        #expect(RFC3339.parse(text) == nil)
    }

    @Test func readsBackWhatItWrites() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<20_000 {
            let time = Timestamp(
                millisecondsSince1970: .random(in: -62_135_596_800_000...253_402_300_799_999, using: &random))
            let text = RFC3339.format(time)
            #expect(RFC3339.parse(text) == time, "\(text)")
        }
    }

    @Test func writesEveryDayOfFourCenturies() {
        var (year, month, day) = (1999, 1, 1)
        for number in Int64(10_592)..<10_592 + 146_097 {
            func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
            #expect(
                RFC3339.format(Timestamp(millisecondsSince1970: number * 86_400_000 + 1))
                    == "\(year)-\(two(month))-\(two(day))T00:00:00.001Z")
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            day += 1
            if day > lengths[month - 1] { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }

    @Test func writesTheNearestTimeWhenAYearNeedsMoreThanFourDigits() {
        #expect(RFC3339.format(Timestamp(millisecondsSince1970: .max)) == "9999-12-31T23:59:59.999Z")
        #expect(RFC3339.format(Timestamp(millisecondsSince1970: .min)) == "0001-01-01T00:00:00.000Z")
    }
}
