// TRACE ON, OFF, LIST.
// Loop thread only. Next: ../Broker/SystemMessages/Firehose.swift.

import Wire

extension RESPCommand {
    static let traceCommands: [RESPCommand] = [trace]

    static let trace = RESPCommand(
        container: "TRACE", group: .broker, since: "0.1.0",
        summary: "Publishes every message once more, to the exchange amq.rabbitmq.trace.",
        subcommands: [traceOn, traceOff, traceList, inspectionHelp])

    /// `TRACE ON [VHOST v]` → OK. Until it is switched off or the daemon stops.
    private static let traceOn = inspecting(
        "ON", .atLeast(2), summary: "Traces the messages of a virtual host.", syntax: "[VHOST virtual-host]",
        complexity: "O(N) where N is the number of channels.", flags: [.admin]
    ) { call throws(CommandError) in try call.setTracing(true) }

    /// `TRACE OFF [VHOST v]` → OK.
    private static let traceOff = inspecting(
        "OFF", .atLeast(2), summary: "Ends that.", syntax: "[VHOST virtual-host]",
        complexity: "O(N) where N is the number of channels.", flags: [.admin]
    ) { call throws(CommandError) in try call.setTracing(false) }

    /// `TRACE LIST` → names of the virtual hosts that are traced.
    private static let traceList = inspecting(
        "LIST", .exactly(2), summary: "Lists the virtual hosts that are traced.", syntax: "",
        complexity: "O(N) where N is the number of virtual hosts."
    ) { call throws(CommandError) in
        let hosts = try call.broker().virtualHosts.values.filter(\.isTraced)
        call.reply.rows(
            hosts.sorted { $0.name.string < $1.name.string }.map { host in
                var row = InspectionRow()
                row.add("vhost", .name(host.name))
                return row
            })
    }
}

extension CommandCall {
    fileprivate func setTracing(_ isOn: Bool) throws(CommandError) {
        let host = try broker().host(self, at: 2)
        host.setTracing(isOn)
        store.context.log(
            .notice, isOn ? "tracing begins" : "tracing ends", ("vhost", host.name.string), ("client", client.address))
        reply.ok()
    }
}
