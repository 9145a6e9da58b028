// swift-tools-version: 6.1
import PackageDescription

// The daemon's own targets turn dynamic exclusivity checks off: the loop thread owns all state, so they
// would cost a call per access to a class's field and find nothing. The client products keep them
// (and stay free of unsafe flags, so that other packages may depend on them).
let engineSettings: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let package = Package(
    name: "taskd",
    products: [
        .executable(name: "taskd", targets: ["taskd"]),
        .library(name: "TaskdClient", targets: ["TaskdClient"]),
        .library(name: "TaskdWorker", targets: ["TaskdWorker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibevent", pkgConfig: "libevent_core", providers: [.apt(["libevent-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLua", pkgConfig: "lua5.1", providers: [.apt(["liblua5.1-0-dev"])]),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .target(name: "CTaskdShims"),
        .target(name: "CLuaShims", dependencies: ["CLua"]),
        .target(name: "Wire"),
        .target(
            name: "Engine", dependencies: ["Wire", "CTaskdShims", "COpenSSL", "CLuaShims", "CPCRE2"],
            swiftSettings: engineSettings),
        .target(name: "EventLoop", dependencies: ["CLibevent"], swiftSettings: engineSettings),
        .target(
            name: "Server",
            dependencies: [
                "Engine", "Wire", "EventLoop", "CTaskdShims",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ],
            swiftSettings: engineSettings),
        .executableTarget(
            name: "taskd",
            dependencies: [
                "Server",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            linkerSettings: [
                // One binary that runs without a Swift installation, with 6 MB less resident memory than with shared
                // libraries. The libraries are those that the static Foundation (needed by TOMLKit) leaves open.
                .unsafeFlags(
                    [
                        "-static-stdlib", "-use-ld=lld", "-l_FoundationICU", "-l_FoundationCollections",
                        "-l_FoundationCShims", "-lCoreFoundation", "-lswiftSynchronization",
                    ], .when(platforms: [.linux], configuration: .release))
            ]),
        .target(name: "Simulation", dependencies: ["Engine", "Wire"]),
        .executableTarget(
            name: "taskd-simulate",
            dependencies: [
                "Simulation", "Engine", "Wire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Simulate"),
        .target(
            name: "TaskdClient",
            dependencies: [
                "Wire",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ]),
        .target(
            name: "TaskdWorker",
            dependencies: [
                "TaskdClient",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(name: "WireTests", dependencies: ["Wire"]),
        .testTarget(name: "EngineTests", dependencies: ["Engine", "Wire", "CTaskdShims"]),
        .testTarget(name: "EventLoopTests", dependencies: ["EventLoop"]),
        .testTarget(
            name: "ServerTests",
            dependencies: ["Server", "Engine", "Wire", "EventLoop", .product(name: "Logging", package: "swift-log")]),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation", "Engine", "Wire", "CTaskdShims"]),
        .testTarget(name: "EndToEndTests", exclude: ["Clients", "Faults", "Requirements"]),
        .target(name: "TestServers", path: "Tests/TestServers"),
        .testTarget(name: "TaskdClientTests", dependencies: ["TaskdClient", "TestServers"]),
        .testTarget(name: "TaskdWorkerTests", dependencies: ["TaskdWorker", "TaskdClient", "TestServers"]),
    ]
)
