// The public surface of "fedlane/node": what needs Node's file system.
export { type LedgerFile, openLedgerFile } from "./ledger_file.ts";
