/// `sluice.yaml`, or a directory of such files, as it was read.
struct ConfigurationFile: Sendable {
    /// What everything was read from, so that a change can be told.
    struct Origin: Sendable {
        /// As it was given.
        let path: String
        /// The files of the configuration, those that `${file:…}` named, and the directory where it is one.
        let files: Set<String>
        /// As they were before they were read.
        let signature: FileSignature
    }

    var origin: Origin
    /// Everything in one tree, with what `${…}` stands for in its place.
    var document: YAMLValue
    /// The variables that `${…}` named.
    var variables: Set<String>
    /// The files' texts, by their paths, for showing what is wrong.
    var texts: [String: String]

    /// Reads a file, or all files of a directory whose names end in `.yaml` or `.yml`.
    /// - Parameters:
    ///   - placeholder: stands for whatever `${…}` names and is not there; nil, the default, makes that a fault.
    ///   - variable: the value of a variable that `${…}` names; nil where it is not set.
    /// - Throws: ``FileFaults`` for what cannot be read as YAML, and for `${…}` that cannot be made out.
    static func read(
        _ path: String, placeholder: String? = nil, variable: @escaping (String) -> String?
    ) throws(FileFaults) -> ConfigurationFile {
        var faults = YAMLFaults()
        let before = FileSignature([path])
        let paths = try Self.paths(path)
        var merge = FileMerge()
        // A directory too, in which files come and go.
        var (texts, files, variables): ([String: String], Set<String>, Set<String>) = ([:], Set(paths + [path]), [])
        let signature = before.adding(files)
        for file in paths {
            let text = try text(of: file)
            texts[file] = text
            var own = YAMLFaults()
            let root = YAMLDocument.read(text, &own)
            for fault in own.all {
                faults.add(fault.text, at: .init(line: fault.line, column: fault.column, file: file))
            }
            guard let root, own.all.isEmpty else { continue }
            var interpolation = Interpolation(
                directory: directory(of: file), placeholder: placeholder, variable: variable)
            merge.add(interpolation.apply(root.within(file), &faults), &faults)
            files.formUnion(interpolation.files)
            variables.formUnion(interpolation.variables)
        }
        // A file that was cut short before it is written anew would end every sink.
        if merge.isBlank, faults.all.isEmpty {
            faults.add(
                "nothing stands here: expected sections such as sources and sinks",
                at: .init(line: 1, column: 1, file: paths.first))
        }
        let read = ConfigurationFile(
            origin: Origin(path: path, files: files, signature: signature.adding(files)), document: merge.whole,
            variables: variables, texts: texts)
        // What is wrong with a value is told together with everything else; what is no YAML has nothing else.
        if merge.isEmpty, !faults.all.isEmpty { throw read.faults(faults) }
        var result = read
        result.found = faults
        return result
    }

    /// What was wrong so far.
    private(set) var found = YAMLFaults()

    /// As they are shown: lines as far as their keys, since values may be secrets.
    func faults(_ faults: YAMLFaults) -> FileFaults {
        var found = FileFaults(path: origin.path, faults: faults.all, texts: texts, hidesValues: true)
        found.origin = origin
        return found
    }

    private static func paths(_ path: String) throws(FileFaults) -> [String] {
        func fault(_ text: String) -> FileFaults {
            FileFaults(path: path, faults: [FileFault(line: 1, column: 1, text: text)])
        }
        switch FileContent(path) {
        case .bytes, .tooLarge: return [path]
        case .missing: throw fault("there is no such file")
        case .unreadable: throw fault("it cannot be read")
        case .special: throw fault("expected a file or a directory, not a pipe or a device")
        case .directory:
            let files = files(in: path)
            guard !files.isEmpty else { throw fault("the directory has no files that end in .yaml or .yml") }
            return files
        }
    }

    /// Those of a directory that belong to a configuration, in order.
    static func files(in directory: String) -> [String] {
        DirectoryListing.names(in: directory)
            .filter { ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) && !$0.hasPrefix(".") }
            .map { directory.hasSuffix("/") ? directory + $0 : "\(directory)/\($0)" }
    }

    private static func text(of path: String) throws(FileFaults) -> String {
        func fault(_ text: String) -> FileFaults {
            FileFaults(path: path, faults: [FileFault(line: 1, column: 1, text: text)])
        }
        switch FileContent(path) {
        case .bytes(let bytes):
            guard bytes.count <= YAMLDocument.maximumSize else { throw fault("expected at most 1 MiB") }
            // Some editors put a byte order mark in front.
            let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
            guard let text = String(validating: content, as: UTF8.self) else {
                throw FileFaults(path: path, faults: [notUTF8(content)])
            }
            return text
        case .tooLarge: throw fault("expected at most 1 MiB")
        case .missing: throw fault("there is no such file")
        case .unreadable: throw fault("it cannot be read")
        case .directory: throw fault("expected a file, not a directory: directories in a directory are not read")
        case .special: throw fault("expected a file, not a pipe or a device")
        }
    }

    /// Says where the first bytes stand that are no UTF-8.
    private static func notUTF8(_ bytes: ArraySlice<UInt8>) -> FileFault {
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            return FileFault(line: 1, column: 1, text: "expected text in UTF-8, not in UTF-16")
        }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let number = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
        let right = String(decoding: lines[number], as: UTF8.self).unicodeScalars.prefix { $0 != "\u{FFFD}" }
        return FileFault(line: number + 1, column: right.count + 1, text: "expected text in UTF-8")
    }

    private static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0].dropLast()) } ?? ""
    }
}

extension YAMLValue {
    /// The same, in this file.
    fileprivate func within(_ file: String) -> YAMLValue {
        func placed(_ place: Place) -> Place { Place(line: place.line, column: place.column, file: file) }
        let content: Content =
            switch self.content {
            case .null, .text, .unknown: self.content
            case .list(let values): .list(values.map { $0.within(file) })
            case .mapping(let entries):
                .mapping(entries.map { .init(key: $0.key, place: placed($0.place), value: $0.value.within(file)) })
            }
        return YAMLValue(content: content, place: placed(place), written: written)
    }
}
