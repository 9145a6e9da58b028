// `taskd log …`: looks into, checks and repairs the log of a data folder while no daemon uses it. The folder's lock is
// held meanwhile. What they find and do is Engine's; here it becomes lines.
// Next: ../../Engine/Offline/LogExamination.swift, LogDumpText.swift.

import Engine

/// Why a tool cannot do its work; one clear line.
public struct LogToolError: Error {
    public let description: String
    init(_ description: String) { self.description = description }
}

/// The tools; `print` gets whole lines without their ends.
public enum LogTools {
    /// Opens the folder for one tool. `isReadOnly`: nothing is changed.
    private static func open(
        _ folder: String, isReadOnly: Bool
    ) throws(LogToolError) -> (folder: DataFolder, disk: FolderDisk) {
        do throws(StartError) {
            let locked = try DataFolder(existing: folder, isReadOnly: isReadOnly)
            return (locked, FolderDisk(path: locked.logPath, isReadOnly: isReadOnly))
        } catch {
            throw LogToolError(error.description)
        }
    }

    /// Shows records, one line each.
    public static func dump(
        folder: String, _ options: LogDumpOptions, print: (String) -> Void
    ) throws(LogToolError) {
        let selection = try options.selection()
        let (locked, disk) = try open(folder, isReadOnly: true)
        defer { withExtendedLifetime(locked) {} }
        do throws(LogDumpError) {
            try LogDump.run(disk, selection) { item in
                if options.isJSON {
                    print(LogDumpText.json(item))
                } else {
                    LogDumpText.plain(item, print)
                }
            }
        } catch {
            switch error {
            case .log(let error): throw LogToolError(error.description)
            case .noSuchFile(let name): throw LogToolError("no file \(name) in the log of \(folder)")
            case .noCheckpoint: throw LogToolError("there is no checkpoint in \(folder)")
            }
        }
    }

    /// Checks everything. Returns whether a start would go well with nothing lost.
    public static func check(folder: String, print: (String) -> Void) throws(LogToolError) -> Bool {
        let (locked, disk) = try open(folder, isReadOnly: true)
        defer { withExtendedLifetime(locked) {} }
        let examination = try examine(disk)
        for file in examination.checkpoints + examination.segments { print(summary(of: file)) }
        for finding in examination.findings { print(finding.description) }
        print(
            examination.isSound
                ? "OK: a start goes well" : "DAMAGED: see the errors above; `taskd log repair` saves what can be saved")
        return examination.isSound
    }

    /// Repairs what needs it. Returns whether a start will go well now; with a dry run, whether it would.
    public static func repair(
        folder: String, isDryRun: Bool, print: (String) -> Void
    ) throws(LogToolError) -> Bool {
        let (locked, disk) = try open(folder, isReadOnly: isDryRun)
        defer { withExtendedLifetime(locked) {} }
        let report: LogRepairReport
        do throws(LogError) {
            report = try LogRepair.run(disk, isDryRun: isDryRun)
        } catch {
            throw LogToolError(error.description)
        }
        switch report.verdict {
        case .nothingToDo:
            print("OK: there is nothing to repair")
            return true
        case .refused:
            for reason in report.reasons { print(reason) }
            print("NOT REPAIRED: this cannot be helped by a repair; nothing was changed")
            return false
        case .repaired: break
        }
        for action in report.actions { print((isDryRun ? "would do: " : "done: ") + action) }
        if report.losses.isEmpty { print("lost: nothing") }
        for loss in report.losses { print((isDryRun ? "would be lost: " : "lost: ") + loss) }
        if isDryRun {
            print("REPAIRABLE: nothing was changed")
            return true
        }
        let isSound = try examine(disk).isSound
        print(isSound ? "REPAIRED: a start goes well" : "NOT REPAIRED: `taskd log check` shows what is left")
        return isSound
    }

    private static func examine(_ disk: FolderDisk) throws(LogToolError) -> LogExamination {
        do throws(LogError) { return try LogExamination(disk) } catch { throw LogToolError(error.description) }
    }

    private static func summary(of file: ExaminedFile) -> String {
        var line = "\(file.name): \(file.kindName), "
        line += file.first == file.end ? "position \(file.first)" : "positions \(file.first) to \(file.end)"
        line += ", \(file.records) records, \(file.bytes) bytes"
        guard !file.damage.isEmpty else { return line }
        let ranges = file.damage.prefix(Limits.shownFindingsMax).map { "\($0.offset)–\($0.end)" }
        return line + ", damaged at " + ranges.joined(separator: ", ")
    }
}

/// What `taskd log dump` was asked for.
public struct LogDumpOptions {
    public var from: UInt64?
    public var to: UInt64?
    public var types: [String] = []
    public var file: String?
    public var isOfCheckpoint = false
    public var limit: Int?
    public var isJSON = false

    public init() {}

    func selection() throws(LogToolError) -> LogDumpSelection {
        var selection = LogDumpSelection()
        let known = LogDumpSelection.typeNames
        for type in types where !known.contains(type) {
            let nearest = NearestName.find(type, among: known).map { "; did you mean \($0)?" } ?? "."
            throw LogToolError("no record type \(type)\(nearest) There are: \(known.joined(separator: " "))")
        }
        selection.from = from ?? 0
        selection.to = to ?? .max
        selection.types = Set(types)
        selection.file = file
        selection.isOfCheckpoint = isOfCheckpoint
        selection.limit = limit ?? .max
        return selection
    }
}
