// INFO, and what the store keeps for the commands of its administration.
// Loop thread only. Next: InfoSections.swift.

import Wire

/// What administration needs beyond the statistics. One object for each store.
final class StoreAdministration {
    /// Sections of INFO that higher layers add.
    fileprivate(set) var addedSections: [InfoSection] = []
    fileprivate var rates = InfoRates()
    let slowLog = SlowLog()
    /// 40 hexadecimal digits, drawn at the start.
    let runID: String
    /// Whose commands need more than the store: set by the layer above, which alone knows its type.
    var companion: AnyObject?
    /// `CONFIG SET` values of settings that nothing else keeps.
    var settings: [String: String] = [:]

    init(context: EngineContext) {
        var digits = ""
        for _ in 0..<5 {
            let word = String(UInt32(truncatingIfNeeded: context.random.next()), radix: 16)
            digits += String(repeating: "0", count: 8 - word.count) + word
        }
        runID = digits
    }
}

extension Store {
    var runID: String { administration.runID }

    func addInfoSection(_ section: InfoSection) { administration.addedSections.append(section) }

    /// The text of INFO with the sections of these names; none: the usual ones.
    func info(_ wanted: [String]) -> String {
        let facts = context.processFacts()
        administration.rates.update(self, facts)
        let source = InfoSource(store: self, facts: facts, rates: administration.rates)
        let takesDefault = wanted.isEmpty || wanted.contains("default")
        let takesAll = wanted.contains("all") || wanted.contains("everything")
        var text = InfoText()
        for section in InfoSection.all + administration.addedSections {
            let isWanted =
                takesAll || (takesDefault && section.isDefault)
                || wanted.contains(section.name.description.lowercased())
            guard isWanted else { continue }
            text.begin(section.name)
            section.fill(&text, source)
        }
        return text.text
    }
}

extension RESPCommand {
    static let infoCommands: [RESPCommand] = [info]

    /// `INFO [section …]` → text.
    static let info = RESPCommand(
        "INFO", .atLeast(1), [.loading, .stale], group: .server, since: "1.0.0",
        summary: "Returns information and statistics about the server."
    ) { call throws(CommandError) in
        var wanted: [String] = []
        for index in 1..<max(1, call.count) { wanted.append(call[index].string.lowercased()) }
        call.reply.verbatim(call.store.info(wanted))
    }
}
