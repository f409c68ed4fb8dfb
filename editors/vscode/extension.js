// The extension starts `reify lsp` and shows the topology of a blueprint. Everything it knows of blueprints it asks reify.
"use strict";

const { execFile } = require("child_process");
const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

function program() {
  return vscode.workspace.getConfiguration("reify").get("path") || "reify";
}

async function start() {
  const run = { command: program(), args: ["lsp"], transport: TransportKind.stdio };
  client = new LanguageClient("reify", "Reify blueprints", run, {
    documentSelector: [
      { scheme: "file", language: "reify-blueprint" },
      { scheme: "untitled", language: "reify-blueprint" },
      // Files that blueprints import are plain YAML to the editor; the server leaves other YAML alone.
      { scheme: "file", language: "yaml" },
    ],
  });
  try {
    await client.start();
  } catch (err) {
    const choice = await vscode.window.showErrorMessage(
      `${program()} could not be started: ${err.message}. Install reify, or set reify.path.`, "Open settings");
    if (choice) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "reify.path");
    }
  }
}

async function stop() {
  const old = client;
  client = undefined;
  if (old && old.needsStop()) {
    await old.stop();
  }
}

function drawGraph() {
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.document.uri.scheme !== "file") {
    return;
  }
  const file = editor.document.uri.fsPath;
  execFile(program(), ["blueprints", "graph", file], { maxBuffer: 64 << 20 }, (err, svg, problems) => {
    if (err) {
      vscode.window.showErrorMessage(problems.trim() || err.message);
      return;
    }
    const panel = vscode.window.createWebviewPanel("reify.graph", "Topology", vscode.ViewColumn.Beside, { enableScripts: false });
    panel.webview.html = `<!DOCTYPE html><html><head><meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; style-src 'unsafe-inline';"></head><body style="background:#fff">${svg}</body></html>`;
  });
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("reify.restart", async () => {
      await stop();
      await start();
    }),
    vscode.commands.registerCommand("reify.graph", drawGraph),
    vscode.workspace.onDidChangeConfiguration(async (e) => {
      if (e.affectsConfiguration("reify.path")) {
        await stop();
        await start();
      }
    }),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
