// One connection that speaks RESP: decodes requests in place and has the store execute them, one after the
// other. All meaning is in the store; here are only decoding, its errors, and what stops the flow (a wait, a
// pause, an end).
// Loop thread only; no I/O. Next: Wire/RESP/RESPRequestParser.swift, Store/Framework/Execution.swift.

import Wire

/// Protocol side of a RESP connection.
final class RESPSession: Session, StoreClientHost {
    private let store: Store
    let client: StoreClient
    private var parser: RESPRequestParser
    private let arguments = RESPArguments()

    init(store: Store, peer: PeerAddress) {
        self.store = store
        let configuration = store.context.configuration
        parser = RESPRequestParser(
            limits: RESPRequestLimits(
                bulkBytesMax: configuration.respBulkBytesMax, argumentsMax: Limits.respArgumentsMax,
                inlineBytesMax: Limits.respInlineBytesMax,
                unauthenticatedArgumentsMax: Limits.respArgumentsBeforeAuthenticationMax,
                unauthenticatedBulkBytesMax: Limits.respBulkBeforeAuthenticationBytesMax))
        let output = OutputQueue(flushList: store.context.flushList)
        client = StoreClient(store: store, output: output, peer: peer)
        super.init(context: store.context, peer: peer, output: output)
        client.needsAuthentication = !configuration.respPassword.isEmpty
        client.host = self
        store.register(client)
    }

    // MARK: Input

    override func receive(_ bytes: ByteSlice) -> Int {
        let store = store
        let client = client
        client.lastActiveMilliseconds = context.time.wallMilliseconds
        if let stopwatch = context.time.stopwatch { context.time.lastStopwatchMicroseconds = stopwatch() }
        var offset = 0
        while !client.isClosing {
            let start = offset
            parser.limits.isUnauthenticated = client.needsAuthentication
            do {
                guard try parser.next(bytes, at: &offset, into: arguments) else { break }
            } catch {
                return refuse(error, bytes)
            }
            if store.pause.endMilliseconds != 0, store.isPaused(client, arguments) {
                pausesReading = true
                offset = start
                break
            }
            store.dispatch(client, arguments)
            if client.blocked != nil {
                pausesReading = true
                break
            }
        }
        store.statistics.inputBytes += UInt64(offset)
        if client.isClosing { return bytes.count }
        if bytes.count - offset > context.configuration.respQueryBytesMax { return overflow(bytes) }
        return offset
    }

    /// The bytes are no request: says why and closes.
    private func refuse(_ error: RESPProtocolError, _ bytes: ByteSlice) -> Int {
        context.log(.notice, "protocol error", ("client", client.address), ("error", error.text))
        client.isClosing = true
        client.call.reply.error("ERR " + error.text)
        closesAfterFlush = true
        return bytes.count
    }

    private func overflow(_ bytes: ByteSlice) -> Int {
        context.log(.warning, "client closed: its query buffer limit is reached", ("client", client.address))
        client.isClosing = true
        closeClientNow()
        return bytes.count
    }

    // MARK: Ends

    override func disconnected() {
        client.isClosing = true
        store.unregister(client)
    }

    func closeClientAfterFlush() {
        closesAfterFlush = true
        wake()
    }

    func closeClientNow() {
        closesNow = true
        wake()
    }

    func resumeClient() {
        guard pausesReading else { return }
        pausesReading = false
        wake()
    }
}
