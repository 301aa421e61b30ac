import Sluice
import SluiceGateway
import Testing

struct CatalogueTests {
    private static func matches(_ name: String) -> Bool {
        guard let scalar = name.unicodeScalars.first, !(scalar.value >= 48 && scalar.value <= 57) else { return false }
        return name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
    }

    @Test func namesAreUniqueAndValid() {
        let names = Metric.catalogue.map(\.name)
        #expect(Set(names).count == names.count)
        for metric in Metric.catalogue {
            #expect(Self.matches(metric.name), "\(metric.name)")
            #expect(
                !metric.name.hasSuffix("_count") && !metric.name.hasSuffix("_sum") && !metric.name.hasSuffix("_bucket"))
            let labels = metric.labels.map(\.name)
            #expect(Set(labels).count == labels.count)
            #expect(labels.allSatisfy { Self.matches($0) && !["le", "quantile", "job", "instance"].contains($0) })
        }
    }

    @Test func everyMetricSaysWhatItIs() {
        for metric in Metric.catalogue {
            #expect(metric.help.count > 10 && metric.help.hasSuffix("."), "\(metric.name)")
            #expect(metric.labels.allSatisfy { !$0.meaning.isEmpty }, "\(metric.name)")
        }
    }

    @Test func unitsAndSuffixesAreRight() {
        for metric in Metric.catalogue {
            #expect((metric.kind == .counter) == metric.name.hasSuffix("_total"), "\(metric.name)")
            let base = metric.name.hasSuffix("_total") ? String(metric.name.dropLast(6)) : metric.name
            if let unit = metric.unit { #expect(base.hasSuffix("_" + unit), "\(metric.name)") }
            for unit in ["seconds", "bytes", "ratio"] where base.hasSuffix("_" + unit) { #expect(metric.unit == unit) }
            for wrong in [
                "_ms", "_milliseconds", "_minutes", "_percent", "_kb", "_mb", "_gauge", "_counter", "_histogram",
            ] {
                #expect(!base.hasSuffix(wrong), "\(metric.name)")
            }
        }
    }

    @Test func bucketsAscendAndBelongToHistograms() {
        for metric in Metric.catalogue {
            #expect((metric.kind == .histogram) == !metric.buckets.isEmpty, "\(metric.name)")
            #expect(zip(metric.buckets, metric.buckets.dropFirst()).allSatisfy { $0 < $1 }, "\(metric.name)")
        }
    }
}
