//! Facts of small modules.

use super::{MessageKind, ModuleFacts, facts};
use crate::analyze::analyze_file;

fn only(text: &str) -> ModuleFacts {
    facts(&analyze_file("a.ex", text), text).remove(0)
}

#[test]
fn a_server_shows_its_messages() {
    let facts = only(
        r#"defmodule Shop.Stock do
  use GenServer
  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def take(id), do: GenServer.call(__MODULE__, {:take, id})
  @impl true
  def init(opts) do
    :ets.new(:stock, [:named_table])
    Process.send_after(self(), :tick, 100)
    {:ok, %{items: opts}}
  end
  @impl true
  def handle_call({:take, id}, _from, state) when is_integer(id), do: {:reply, id, state}
  @impl true
  def handle_info(:tick, state), do: {:noreply, state}
  def handle_info(other, state), do: {:noreply, [other | state]}
end"#,
    );
    let messages: Vec<(MessageKind, &str, bool, u32)> = facts
        .messages
        .iter()
        .map(|message| {
            (
                message.kind,
                message.pattern.as_str(),
                message.catch_all,
                message.line,
            )
        })
        .collect();
    assert_eq!(
        messages,
        [
            (MessageKind::Call, "{:take, id}", false, 12),
            (MessageKind::Info, ":tick", false, 14),
            (MessageKind::Info, "other", true, 15),
        ]
    );
    assert_eq!(facts.messages[0].guard.as_deref(), Some("is_integer(id)"));
    let sent: Vec<String> = facts
        .sent
        .iter()
        .map(|sent| format!("{} {} {} {}", sent.from, sent.how, sent.to, sent.message))
        .collect();
    assert_eq!(
        sent,
        [
            "take/1 GenServer.call __MODULE__ {:take, id}",
            "init/1 Process.send_after self() :tick"
        ]
    );
    assert_eq!(facts.initial_state, Some(("%{items: opts}".to_owned(), 9)));
    assert_eq!(facts.registrations[0].name, "__MODULE__");
    assert_eq!(
        (facts.tables[0].name.as_str(), facts.tables[0].line),
        (":stock", 7)
    );
}

#[test]
fn a_supervisor_lists_its_children() {
    let facts = only(
        r#"defmodule Shop.Application do
  use Application
  alias Shop.{Stock, Repo}
  def start(_type, _args) do
    children = [
      Repo,
      {Stock, name: Stock},
      Supervisor.child_spec({Task, fn -> :ok end}, id: :warm),
      %{id: X, start: {Shop.Legacy, :start_link, []}},
      pool(3)
    ]
    opts = [strategy: :one_for_one, name: Shop.Supervisor]
    Supervisor.start_link(children, opts)
  end
end"#,
    );
    let supervision = facts.supervision.expect("it supervises");
    let modules: Vec<Option<&str>> = supervision
        .children
        .iter()
        .map(|child| child.module.as_deref())
        .collect();
    assert_eq!(
        modules,
        [
            Some("Shop.Repo"),
            Some("Shop.Stock"),
            Some("Task"),
            Some("Shop.Legacy"),
            None
        ]
    );
    assert_eq!(supervision.strategy.as_deref(), Some("one_for_one"));
    assert_eq!((supervision.children[1].line, supervision.line), (7, 13));
}

#[test]
fn routes_carry_their_scopes() {
    let text = include_str!("../../tests/fixtures/schema.ex");
    let all = facts(&analyze_file("a.ex", text), text);
    let routes: Vec<String> = all[1]
        .routes
        .iter()
        .map(|route| {
            let (handler, action) = (route.handler.as_deref(), route.action.as_deref());
            format!(
                "{} {} {} {} {}",
                route.line,
                route.verb,
                route.path,
                handler.unwrap_or("-"),
                action.unwrap_or("-")
            )
        })
        .collect();
    assert_eq!(
        routes,
        [
            "28 get / ShopWeb.PageController :home",
            "29 resources /orders ShopWeb.OrderController only: [:index, :show]",
            "30 live /cart ShopWeb.CartLive -",
            "33 post /admin/reset ShopWeb.Admin.ToolController :reset",
        ]
    );
    let schema = &all[0].schemas[0];
    let fields: Vec<String> = schema
        .fields
        .iter()
        .map(|field| format!("{} {} {}", field.kind, field.name, field.of))
        .collect();
    assert_eq!(schema.source.as_deref(), Some("orders"));
    assert_eq!(
        fields,
        [
            "field state :string",
            "belongs_to buyer Shop.Buyer",
            "has_many lines Shop.Line",
            "timestamps timestamps "
        ]
    );
}
