// Programs that last: Loops LIBRARY HOST PORT asks its server five times a second, as services do.
// An error is reported, and the next round tries again; whatever else is needed the pool must do.
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

class Loops {
    public static void main(String[] words) throws InterruptedException {
        HikariConfig config = new HikariConfig();
        String where = words[1] + ":" + words[2] + "/";
        config.setJdbcUrl(words[0].equals("postgresql")
            ? "jdbc:postgresql://" + where + "postgres" : "jdbc:mariadb://" + where);
        config.setUsername("lab");
        config.setPassword("secret");
        config.setMaximumPoolSize(2);
        config.setConnectionTimeout(2000);
        HikariDataSource pool = new HikariDataSource(config);
        while (true) {
            try (Connection connection = pool.getConnection();
                 Statement statement = connection.createStatement()) {
                statement.executeQuery("select 1").next();
            } catch (SQLException error) {
                System.err.println(error);
            }
            Thread.sleep(200);
        }
    }
}
