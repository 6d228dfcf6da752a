//! What one test stands on: a project, a node, a scripted model when it wants one, and a user with an empty home.

use aiex_scripted_provider::Script;
use aiex_tests::{CommandLine, Node, Ran, ScriptedModel, copy_tree, corpus, mix_project};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Path below the project → content.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Directories that Mix fills; nobody writes there by hand.
const BUILT: [&str; 2] = ["_build", "deps"];

/// Ends everything when dropped.
pub(crate) struct World {
    // Dropped in this order: the node before the directory it writes to.
    pub(crate) node: Node,
    pub(crate) model: Option<ScriptedModel>,
    pub(crate) project: PathBuf,
    pub(crate) home: TempDir,
}

impl World {
    /// A project `shop` of `mix new` with two modules of ours; no model is configured.
    pub(crate) fn shop() -> Result<Self> {
        Self::build(None, "", shop)
    }

    /// The same with the route `scripted`.
    pub(crate) fn scripted_shop(script: Script) -> Result<Self> {
        Self::build(Some(script), "", shop)
    }

    /// The same with more providers and routes, as TOML.
    pub(crate) fn scripted_shop_with(script: Script, more: &str) -> Result<Self> {
        Self::build(Some(script), more, shop)
    }

    /// A copy of EEx out of Elixir's own source; no model is configured.
    pub(crate) fn eex() -> Result<Self> {
        Self::build(None, "", |home| {
            let project = home.join("eex");
            copy_tree(&corpus()?.join("lib/eex"), &project)?;
            Ok(project)
        })
    }

    fn build(
        script: Option<Script>,
        more: &str,
        project: impl FnOnce(&Path) -> Result<PathBuf>,
    ) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let project = project(home.path())?;
        let model = script.map(ScriptedModel::start).transpose()?;
        let config = model
            .as_ref()
            .map(|model| format!("{}\n{more}", model.node_config()));
        let node = Node::start(home.path(), config.as_deref())?;
        Ok(Self {
            node,
            model,
            project,
            home,
        })
    }

    /// The user in the project's directory.
    pub(crate) fn cli(&self) -> Result<CommandLine> {
        self.cli_in(&self.project)
    }

    /// The same user elsewhere.
    pub(crate) fn cli_in(&self, directory: &Path) -> Result<CommandLine> {
        CommandLine::new(self.home.path(), directory, Some(&self.node))
    }

    /// Runs `aiex` in the project.
    pub(crate) fn run(&self, args: &[&str]) -> Result<Ran> {
        self.cli()?.run(args)
    }

    /// Runs `aiex … --json` and reads every line of stdout.
    pub(crate) fn json(&self, args: &[&str]) -> Result<(Ran, Vec<Value>)> {
        let ran = self.run(&[args, &["--json"]].concat())?;
        let lines = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
            .collect::<Result<_>>()
            .with_context(|| ran.transcript())?;
        Ok((ran, lines))
    }

    /// Runs `aiex … --json`, which must end with 0, and gives its one document.
    pub(crate) fn document(&self, args: &[&str]) -> Result<Value> {
        let (ran, mut lines) = self.json(args)?;
        ran.expect(0)?;
        ensure!(
            lines.len() == 1,
            "one document was expected: {}",
            ran.transcript()
        );
        Ok(lines.remove(0))
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.project.join(path);
        std::fs::create_dir_all(path.parent().context("a file has a directory")?)?;
        std::fs::write(&path, content).with_context(|| format!("write {}", path.display()))
    }

    pub(crate) fn read(&self, path: &str) -> Result<String> {
        let path = self.project.join(path);
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }

    /// Every file of the project, Mix's own aside.
    pub(crate) fn files(&self) -> Result<Files> {
        let mut files = Files::new();
        collect(&self.project, "", &mut files)?;
        Ok(files)
    }

    /// `mix test` outside of any sandbox: the judge of what was written.
    pub(crate) fn mix_test(&self, args: &[&str]) -> Result<String> {
        let mut mix = std::process::Command::new("mix");
        mix.arg("test").args(args).current_dir(&self.project);
        let ran = aiex_tests::run_to_end(&mut mix)?;
        ran.expect(0).map(str::to_owned)
    }

    /// The session that the last command of this project used.
    pub(crate) fn last_session(&self) -> Result<String> {
        let document = self.document(&["show", "session"])?;
        let id = document["session"]["session_id"].as_str();
        id.map(str::to_owned).context("no session id")
    }

    /// Proves a session whole: its log has no gap, no turn is left open, and a question in it is answered.
    pub(crate) fn check_whole(&self, session: &str) -> Result<()> {
        let ask = ["ask", "--session", session, "--model", "offline", "Shop"];
        let asked = self.run(&ask)?;
        ensure!(
            asked.code == Some(0) && asked.stdout.contains("lib/shop.ex"),
            "the session does not answer any more:\n{}",
            asked.transcript()
        );
        let events = self.events(session)?;
        let open = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
        ensure!(
            open("turn_started") == open("turn_finished"),
            "a turn is left open in {events:#?}"
        );
        Ok(())
    }

    /// The exported events of a session; their numbers have no gap.
    pub(crate) fn events(&self, session: &str) -> Result<Vec<Value>> {
        let export = self.run(&["export", "session", session])?;
        let events: Vec<Value> = export
            .expect(0)?
            .lines()
            .skip(1)
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let numbers = events.iter().map(|event| event["seq"].as_u64());
        ensure!(
            numbers.eq((1..=events.len() as u64).map(Some)),
            "the log has a gap:\n{}",
            export.stdout
        );
        Ok(events)
    }
}

/// The token with another last letter.
pub(crate) fn mistyped(token: &str) -> String {
    let (rest, last) = token.split_at(token.len() - 1);
    format!("{rest}{}", if last == "x" { "y" } else { "x" })
}

/// The text of a finished tool call's output, in the order of the calls: (status, output).
pub(crate) fn tool_results(events: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events
        .iter()
        .filter(|event| event["type"] == "tool_call_finished")
        .map(|event| (text(&event["status"]), text(&event["output"]["inline"])))
        .collect()
}

fn collect(directory: &Path, below: &str, files: &mut Files) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{below}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !(below.is_empty() && BUILT.contains(&name.as_str())) {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() {
            files.insert(path, std::fs::read(entry.path())?);
        }
    }
    Ok(())
}

fn shop(home: &Path) -> Result<PathBuf> {
    let project = mix_project(home, "shop")?;
    std::fs::create_dir_all(project.join("lib/shop"))?;
    std::fs::write(project.join("lib/shop/price.ex"), PRICE)?;
    std::fs::write(project.join("lib/shop/order.ex"), ORDER)?;
    Ok(project)
}

const PRICE: &str = r#"defmodule Shop.Price do
  @moduledoc "Amounts of money, in cents."

  @doc """
  Adds two amounts.

      iex> Shop.Price.plus(1, 2)
      3
  """
  @spec plus(integer(), integer()) :: integer()
  def plus(a, b), do: a + b

  @doc "Says whether nothing is to be paid."
  @spec free?(integer()) :: boolean()
  def free?(amount), do: amount == 0
end
"#;

const ORDER: &str = r#"defmodule Shop.Order do
  @moduledoc "Orders of the shop."

  alias Shop.Price

  @doc "The sum of all lines."
  @spec total([integer()]) :: integer()
  def total(lines), do: Enum.reduce(lines, 0, &Price.plus/2)
end
"#;
