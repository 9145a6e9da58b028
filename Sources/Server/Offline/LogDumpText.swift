// Dumped records as lines, plain or JSON.
//
//     POSITION FILE OFFSET TYPE BYTES field=value…       position `-` in checkpoints
//       …                                                records inside a group, indented
//     ! FILE OFFSET BYTES reason                         what cannot be read
//
// Any thread.

import Engine

/// Lines of `taskd log dump`.
enum LogDumpText {
    static func plain(_ item: LogDumpItem, _ print: (String) -> Void) {
        switch item {
        case .record(let record): plain(record, indent: "", print)
        case .damage(let file, let stretch):
            print("! \(file) \(stretch.offset) \(stretch.bytes) damaged: \(stretch.reason)")
        case .tornTail(let file, let offset, let bytes):
            print("! \(file) \(offset) \(bytes) the log ends in an interrupted write")
        }
    }

    private static func plain(_ record: DumpedRecord, indent: String, _ print: (String) -> Void) {
        var line = indent + (record.position.map { String($0) } ?? "-")
        line += " \(record.file) \(record.offset) \(record.type) \(record.bytes)"
        if let fields = record.fields {
            for (name, value) in fields { line += " \(name)=" + plain(value) }
        } else {
            line += " (not understood)"
        }
        print(line)
        for inner in record.inner { plain(inner, indent: indent + "  ", print) }
    }

    private static func plain(_ value: DumpValue) -> String {
        switch value {
        case .number(let number): String(number)
        case .text(let text): LineText.plain(text)
        case .list(let values): "[" + values.map(plain).joined(separator: ",") + "]"
        }
    }

    static func json(_ item: LogDumpItem) -> String {
        switch item {
        case .record(let record): return json(record)
        case .damage(let file, let stretch):
            return "{\"file\":\(LineText.json(file)),\"offset\":\(stretch.offset),\"bytes\":\(stretch.bytes),"
                + "\"damaged\":\(LineText.json(stretch.reason))}"
        case .tornTail(let file, let offset, let bytes):
            return "{\"file\":\(LineText.json(file)),\"offset\":\(offset),\"bytes\":\(bytes),\"interrupted\":true}"
        }
    }

    private static func json(_ record: DumpedRecord) -> String {
        var line = "{"
        if let position = record.position { line += "\"position\":\(position)," }
        line += "\"file\":\(LineText.json(record.file)),\"offset\":\(record.offset),\"type\":\"\(record.type)\","
        line += "\"bytes\":\(record.bytes)"
        if let fields = record.fields {
            let pairs = fields.map { "\(LineText.json($0.name)):\(json($0.value))" }
            line += ",\"fields\":{\(pairs.joined(separator: ","))}"
        }
        if !record.inner.isEmpty { line += ",\"records\":[\(record.inner.map(json).joined(separator: ","))]" }
        return line + "}"
    }

    private static func json(_ value: DumpValue) -> String {
        switch value {
        case .number(let number): String(number)
        case .text(let text): LineText.json(text)
        case .list(let values): "[" + values.map(json).joined(separator: ",") + "]"
        }
    }
}
