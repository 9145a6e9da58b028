// CLIENT PAUSE: for a while commands are not executed but kept where they came, all of them or those that write.
// Loop thread only. Next: ../Commands/ClientCommands.swift; Sessions/RESP asks `isPaused` before dispatching.

import Wire

/// The pause under way, if any.
struct ClientPause {
    /// Monotonic milliseconds; 0 when there is none.
    fileprivate(set) var endMilliseconds: Int64 = 0
    fileprivate(set) var pausesReads = false
    /// Clients with requests kept back.
    fileprivate var waiting: [StoreClient] = []
}

extension Store {
    /// Begins or prolongs a pause. One of everything is not softened by one of writes.
    func beginPause(milliseconds: Int64, pausesReads: Bool) {
        let (end, overflow) = context.time.monotonicMilliseconds.addingReportingOverflow(milliseconds)
        pause.endMilliseconds = max(pause.endMilliseconds, overflow ? Int64.max : max(1, end))
        pause.pausesReads = pause.pausesReads || pausesReads
    }

    /// Ends the pause and lets the clients go on.
    func endPause() {
        let waiting = pause.waiting
        pause = ClientPause()
        for client in waiting { client.host?.resumeClient() }
    }

    /// Whether a request has to wait; if so the client is resumed at the end of the pause.
    func isPaused(_ client: StoreClient, _ arguments: RESPArguments) -> Bool {
        guard pause.endMilliseconds != 0 else { return false }
        guard let row = table.find(arguments) else { return false }
        // Those who end it must get through.
        if row.fullName.hasPrefix("client|") || row.fullName == "client" { return false }
        let isWrite = row.flags.contains(.write) || row.flags.contains(.mayReplicate) || row.fullName == "exec"
        guard pause.pausesReads || isWrite else { return false }
        if !pause.waiting.contains(where: { $0 === client }) { pause.waiting.append(client) }
        return true
    }
}
