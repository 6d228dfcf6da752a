//! The texts. Every line stays below the formatter's width for the longest name allowed.

use super::ModuleKind;

/// Gives source and test of a module; `documentation` are the lines of its description.
pub(super) fn render(kind: ModuleKind, module: &str, documentation: &[String]) -> (String, String) {
    let (about, body) = source(kind);
    let last = module.rsplit('.').next().unwrap_or(module);
    // an alias named `Supervisor` would hide Elixir's own from the test
    let aliased = module.contains('.') && !super::STANDARD.contains(&last);
    let short = if aliased { last } else { module };
    let mut lines: Vec<String> = documentation.to_vec();
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.extend(about.lines().map(str::to_owned));
    let documentation: String = lines
        .iter()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("  {line}\n")
            }
        })
        .collect();
    let fill = |template: &str| {
        template
            .replace("<Module>", module)
            .replace("<Short>", short)
    };
    let source = format!(
        "defmodule {module} do\n  @moduledoc \"\"\"\n{documentation}  \"\"\"\n{}end\n",
        fill(body)
    );
    let alias = if aliased {
        format!("\n  alias {module}\n")
    } else {
        String::new()
    };
    let test = format!(
        "defmodule {module}Test do\n  use ExUnit.Case, async: true\n{alias}{}end\n",
        fill(test(kind))
    );
    (source, test)
}

/// What the template does, in words, and the text after the module's documentation.
fn source(kind: ModuleKind) -> (&'static str, &'static str) {
    match kind {
        ModuleKind::Plain => ("Its work begins in `run/1`.", PLAIN),
        ModuleKind::GenServer => (
            "One process keeps values by key; calls are answered in the order they arrive.",
            GENSERVER,
        ),
        ModuleKind::Supervisor => (
            "Restarts each child on its own when it ends abnormally.",
            SUPERVISOR,
        ),
        ModuleKind::Behaviour => (
            "Implementations are modules with `handle/1`; `run/2` calls the one it is given.",
            BEHAVIOUR,
        ),
        ModuleKind::Struct => ("Build one with `new/2`, which checks the name.", STRUCT),
    }
}

fn test(kind: ModuleKind) -> &'static str {
    match kind {
        ModuleKind::Plain => PLAIN_TEST,
        ModuleKind::GenServer => GENSERVER_TEST,
        ModuleKind::Supervisor => SUPERVISOR_TEST,
        ModuleKind::Behaviour => BEHAVIOUR_TEST,
        ModuleKind::Struct => STRUCT_TEST,
    }
}

const PLAIN: &str = r#"
  @doc """
  Takes `input` and gives it back unchanged.

  ## Examples

      iex> <Module>.run(:input)
      {:ok, :input}

  """
  @spec run(input) :: {:ok, input} when input: term()
  def run(input), do: {:ok, input}
"#;

const PLAIN_TEST: &str = r#"
  doctest <Module>

  describe "run/1" do
    test "gives its input back" do
      for input <- [nil, 1, "text", [a: 1]] do
        assert <Short>.run(input) == {:ok, input}
      end
    end
  end
"#;

const GENSERVER: &str = r#"
  use GenServer

  @typedoc "What the process keeps between messages."
  @type state :: %{optional(term()) => term()}

  @doc """
  Starts the server.

  `:initial` is the map it begins with; other options go to `GenServer.start_link/3`.
  """
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(opts \\ []) do
    {initial, opts} = Keyword.pop(opts, :initial, %{})
    GenServer.start_link(__MODULE__, initial, opts)
  end

  @doc """
  Gives the value under `key`, or `default` when there is none.
  """
  @spec get(GenServer.server(), term(), term()) :: term()
  def get(server, key, default \\ nil) do
    GenServer.call(server, {:get, key, default})
  end

  @doc """
  Puts `value` under `key` and returns when it is there.
  """
  @spec put(GenServer.server(), term(), term()) :: :ok
  def put(server, key, value) do
    GenServer.call(server, {:put, key, value})
  end

  @impl true
  def init(initial) when is_map(initial), do: {:ok, initial}

  @impl true
  def handle_call({:get, key, default}, _from, state) do
    {:reply, Map.get(state, key, default), state}
  end

  def handle_call({:put, key, value}, _from, state) do
    {:reply, :ok, Map.put(state, key, value)}
  end
"#;

const GENSERVER_TEST: &str = r#"
  test "keeps what is put" do
    server = start_supervised!(<Short>)

    assert <Short>.put(server, :key, 1) == :ok
    assert <Short>.get(server, :key) == 1
  end

  test "gives the default for an unknown key" do
    server = start_supervised!(<Short>)

    assert <Short>.get(server, :unknown) == nil
    assert <Short>.get(server, :unknown, :default) == :default
  end

  test "begins with the given state" do
    server = start_supervised!({<Short>, initial: %{key: 1}})

    assert <Short>.get(server, :key) == 1
  end
"#;

const SUPERVISOR: &str = r#"
  use Supervisor

  @doc """
  Starts the supervisor.

  `:children` are the child specifications it begins with; other options go to
  `Supervisor.start_link/3`.
  """
  @spec start_link(keyword()) :: Supervisor.on_start()
  def start_link(opts \\ []) do
    {children, opts} = Keyword.pop(opts, :children, [])
    Supervisor.start_link(__MODULE__, children, opts)
  end

  @impl true
  def init(children) do
    Supervisor.init(children, strategy: :one_for_one)
  end
"#;

const SUPERVISOR_TEST: &str = r#"
  test "starts without children" do
    supervisor = start_supervised!(<Short>)

    assert Supervisor.which_children(supervisor) == []
  end

  test "restarts a child that is killed" do
    parent = self()
    child = {Agent, fn -> send(parent, {:started, self()}) end}
    start_supervised!({<Short>, children: [child]})

    assert_receive {:started, first}
    Process.exit(first, :kill)
    assert_receive {:started, second}
    assert first != second
  end
"#;

const BEHAVIOUR: &str = r#"
  @doc """
  Handles one input.
  """
  @callback handle(input :: term()) :: {:ok, term()} | {:error, term()}

  @doc """
  Hands `input` to `implementation` and gives its answer.
  """
  @spec run(module(), term()) :: {:ok, term()} | {:error, term()}
  def run(implementation, input) when is_atom(implementation) do
    implementation.handle(input)
  end
"#;

const BEHAVIOUR_TEST: &str = r#"
  defmodule Echo do
    @behaviour <Module>

    @impl true
    def handle(nil), do: {:error, :nothing}
    def handle(input), do: {:ok, input}
  end

  describe "run/2" do
    test "gives the answer of the implementation" do
      assert <Short>.run(Echo, 1) == {:ok, 1}
      assert <Short>.run(Echo, nil) == {:error, :nothing}
    end

    test "raises when there is no implementation" do
      assert_raise FunctionClauseError, fn -> <Short>.run("no module", 1) end
    end
  end
"#;

const STRUCT: &str = r#"
  @enforce_keys [:name]
  defstruct [:name, metadata: %{}]

  @type t :: %__MODULE__{name: String.t(), metadata: map()}

  @doc """
  Builds one from a name that is not blank.

  ## Examples

      iex> {:ok, built} = <Module>.new("first")
      iex> built.name
      "first"

      iex> <Module>.new("  ")
      {:error, :blank_name}

  """
  @spec new(String.t(), map()) :: {:ok, t()} | {:error, :blank_name}
  def new(name, metadata \\ %{}) when is_binary(name) and is_map(metadata) do
    case String.trim(name) do
      "" -> {:error, :blank_name}
      trimmed -> {:ok, %__MODULE__{name: trimmed, metadata: metadata}}
    end
  end
"#;

const STRUCT_TEST: &str = r#"
  doctest <Module>

  describe "new/2" do
    test "trims the name and keeps the metadata" do
      assert {:ok, built} = <Short>.new(" first ", %{a: 1})
      assert built == %<Short>{name: "first", metadata: %{a: 1}}
    end

    test "refuses a blank name" do
      assert <Short>.new("") == {:error, :blank_name}
    end
  end
"#;
